"""The answers of a modem without faults, for scripted modems."""

from __future__ import annotations

from collections.abc import Callable

from tests.modem.scripted_modem import Script, ScriptedModem

OK = b"\r\nOK\r\n"
ICCID = "8922301000000000017"
DELIVER = "07912223010000F0040B912232547698F00000628011010101000AC8329BFD06DDDF723619"
REPORT = "07912223010000F006010B912232547698F0628011010100006280110101500000"

Answers = dict[str, Script | list[Script]]


def healthy(more: Answers | None = None) -> Answers:
    """Return the answers of a modem that supports every command the gateway uses; `more` replaces some."""
    silent_ok = (
        "AT+CMEE",
        "AT+CSCS",
        "AT+CSMS",
        "AT+CPMS",
        "AT+CNMI",
        "AT+CREG",
        "AT+CGREG",
        "AT+CEREG",
        "AT+CMGD",
    )
    return {
        **dict.fromkeys(silent_ok, OK),
        "AT+COPS": OK,
        "AT+CGMI": b"\r\nAcme\r\n" + OK,
        "AT+CGMM": b"\r\nOne\r\n" + OK,
        "AT+CGSN": b"\r\n356938035643809\r\n" + OK,
        "AT+CFUN?": b"\r\n+CFUN: 1\r\n" + OK,
        "AT+CPIN?": b"\r\n+CPIN: READY\r\n" + OK,
        "AT+CCID": b'\r\n+CCID: "' + ICCID.encode() + b'F"\r\n' + OK,
        "AT+CIMI": b"\r\n610020000000017\r\n" + OK,
        "AT+CSCA?": b'\r\n+CSCA: "+22370000000",145\r\n' + OK,
        "AT+CNUM": b'\r\n+CNUM: ,"+22370000017",145\r\n' + OK,
        "AT+CREG?": b"\r\n+CREG: 1,1\r\n" + OK,
        "AT+CEREG?": b"\r\nERROR\r\n",
        "AT+CGREG?": b"\r\nERROR\r\n",
        "AT+CSQ": b"\r\n+CSQ: 17,99\r\n" + OK,
        "AT+COPS?": b'\r\n+COPS: 0,0,"Orange ML"\r\n' + OK,
        "AT+CPMS=?": b'\r\n+CPMS: ("SM"),("SM"),("SM")\r\n' + OK,
        "AT+CPMS?": b'\r\n+CPMS: "SM",0,10,"SM",0,10,"SM",0,10\r\n' + OK,
        "AT+CMGL": OK,
        **(more or {}),
    }


def two_slots(*, empty: int | None = None) -> Answers:
    """Return the answers of a modem with two slots (AT+CSUS). The ICCIDs of the SIMs end in 1 and 2."""

    def choose(slot: int) -> Callable[[ScriptedModem], None]:
        def script(modem: ScriptedModem) -> None:
            there = slot != empty
            modem.answers["AT+CCID"] = (
                b"\r\n+CCID: 892230100000000001%d\r\n" % slot + OK if there else b"\r\nERROR\r\n"
            )
            modem.answers["AT+CPIN?"] = b"\r\n+CPIN: READY\r\n" + OK if there else b"\r\n+CME ERROR: 10\r\n"
            modem.say(OK)

        return script

    return healthy({"AT+CFUN": OK, "AT+CSUS=0": choose(1), "AT+CSUS=1": choose(2)})


def after(modem: ScriptedModem, mark: str) -> list[str]:
    """Return the commands that the modem got since the last `mark`."""
    commands = modem.commands.copy()
    return commands[len(commands) - commands[::-1].index(mark) :]
