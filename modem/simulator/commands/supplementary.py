"""USSD and call-related commands (27.007, 7)."""

from __future__ import annotations

from modem.simulator.commands.parameters import accepted, tolerated
from modem.simulator.core import alphabet, textmode
from modem.simulator.core.faults import Fault
from modem.simulator.core.modem import Handler, Modem
from modem.simulator.core.request import Form, Request, number
from modem.simulator.core.results import CmeError

GSM7, UCS2 = 15, 72  # 23.038, 5
LATE_S = 60.0


def ussd(modem: Modem, request: Request) -> None:
    """+CUSD (27.007, 7.15): OK at once, and a URC when the network answers."""
    if request.form is Form.READ:
        modem.info(f"+CUSD: {modem.settings.cusd}")
        return
    if request.form is Form.TEST:
        modem.info("+CUSD: (0-2)")
        return
    arguments = request.arguments() if request.form is Form.SET else ["0"]
    mode = number(arguments[0], range(3))
    if mode == 2:
        _cancel(modem)
        return
    if len(arguments) > 1:
        if len(arguments) > 2:
            number(arguments[2], range(256))
        _ask(modem, _code(modem, arguments[1]))
    modem.settings.cusd = mode


def _cancel(modem: Modem) -> None:
    if modem.session is not None:
        modem.session.cancel()
        modem.session = None


def _packed(modem: Modem) -> bool:
    """Whether USSD texts are packed octets: on some makes until ^USSDMODE=0."""
    return modem.traits.ussd_packed and modem.settings.others.get("^USSDMODE", 1) != 0


def _code(modem: Modem, raw: str) -> str:
    typed = raw.strip('"')
    if not typed:
        raise CmeError(50)
    if _packed(modem):
        try:
            octets = bytes.fromhex(typed)
        except ValueError:
            raise CmeError(50) from None
        return alphabet.text_of(alphabet.unpack(octets, len(octets) * 8 // 7)).rstrip("@\r")
    return textmode.typed(typed.encode("latin-1"), modem.settings.cscs)


def _ask(modem: Modem, code: str) -> None:
    card = modem.ready_card(sms=False)
    if not modem.radio.registered:
        raise CmeError(30)
    if modem.session is not None and modem.session.action is not None:
        raise CmeError(NOT_NOW)
    modem.session = modem.network.ussd(card, code, lambda mode, text: _answered(modem, mode, text))
    modem.ends_with_power(modem.session)


NOT_NOW = 258  # "retry operation": one dialogue at a time


def _answered(modem: Modem, mode: int, text: str) -> None:
    if modem.faults.take(Fault.USSD_LOST):
        return
    for fault, line in ((Fault.USSD_NO_CARRIER, "NO CARRIER"), (Fault.USSD_ERROR, "+CME ERROR: 30")):
        if modem.faults.take(fault):
            modem.unsolicited(line, awaited=True)
            return
    if modem.faults.take(Fault.USSD_LATE):
        modem.later_with_card(LATE_S, lambda: _say(modem, mode, text))
        return
    _say(modem, mode, text)


def _say(modem: Modem, mode: int, text: str) -> None:
    if not modem.settings.cusd:
        return
    if not text:
        modem.unsolicited(f"+CUSD: {mode}", awaited=True)
        return
    shown, dcs = _shown(modem, text)
    modem.unsolicited(f'+CUSD: {mode},"{shown}",{dcs}', awaited=True)


def _shown(modem: Modem, text: str) -> tuple[str, int]:
    septets = alphabet.septets_of(text)
    if septets is None:
        return text.encode("utf-16-be").hex().upper(), UCS2
    if _packed(modem):
        padded = septets + b"\r" if len(septets) % 8 == 7 else septets
        return alphabet.pack(padded).hex().upper(), GSM7
    return textmode.shown(text, modem.settings.cscs), GSM7


def calls(modem: Modem, request: Request) -> None:
    """+CLCC (27.007, 7.18): there are no calls."""
    del modem, request


COMMANDS: dict[str, Handler] = {
    "+CUSD": ussd,
    "+CLIP": tolerated("+CLIP", range(2)),
    "+CLIR": tolerated("+CLIR", range(3)),
    "+COLP": tolerated("+COLP", range(2)),
    "+CCWA": accepted,
    "+CSSN": accepted,
    "+CLCC": calls,
}
