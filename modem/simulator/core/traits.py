"""The differences between makes of modem, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Traits:
    """The properties of one make. Defaults are those of 27.005, 27.007 and V.250 where they leave a choice."""

    manufacturer: str = "gatewayd"
    model: str = "Simulated GSM modem"
    revision: str = "1.0"
    identification: tuple[str, ...] = ("gatewayd simulated GSM modem",)  # ATI; {imei} stands for the IMEI
    capabilities: str = "+GCAP: +CGSM"
    boot_lines: tuple[tuple[float, str], ...] = ()  # seconds after the modem speaks, and the unsolicited line
    sim_ready_lines: tuple[str, ...] = ()  # sent when the card is unlocked and read
    sim_busy_s: float = 0.5  # from power or PIN to a card that answers; +CME ERROR: 14 until then
    prompt: bytes = b"\r\n> "
    command_limit: int = 556  # octets of a command line after AT
    echo: bool = True
    cmee: int = 0
    text_mode: int = 0  # +CMGF after a reset
    iccid_prefix: str = "+CCID: "  # prefix of the ICCID in the answer
    iccid_quoted: bool = False
    storage: tuple[tuple[str, ...], ...] = (("SM", "ME", "SR"), ("SM", "ME"), ("SM", "ME"))
    memories_at_start: tuple[str, ...] = ("SM", "SM", "SM")
    capacities: Mapping[str, int] = field(default_factory=lambda: {"ME": 50, "SR": 20})
    first_index: int = 1
    cnmi_values: tuple[frozenset[int], ...] = (
        frozenset({0, 1, 2, 3}),
        frozenset({0, 1, 2, 3}),
        frozenset({0, 2}),
        frozenset({0, 1, 2}),
        frozenset({0, 1}),
    )
    cnmi_shown: str = "(0-3),(0-3),(0,2),(0-2),(0,1)"  # some makes list more than they accept
    cnmi_at_start: tuple[int, ...] = (0, 0, 0, 0, 0)
    cnmi_error: int = 303
    charsets: tuple[str, ...] = ("GSM", "IRA", "UCS2")
    charset_at_start: str = "GSM"
    csms_types: frozenset[int] = frozenset({0, 1})
    unregistered_code: int = 331  # +CMS ERROR of a submission without a network
    echoes_ctrl_z: bool = False
    escape_answers_ok: bool = True  # ESC at the prompt ends in OK; else in plain ERROR
    marks_sent: bool = True  # +CMSS marks the stored message as sent (27.005, 3.5.2)
    sends_stored: bool = True  # else +CMSS is refused
    keeps_reference: bool = False  # the TP-MR of the PDU goes out as it is, in place of the modem's own
    ussd_packed: bool = False  # +CUSD carries hexadecimal 7-bit octets both ways
    report_prefix: str = "+CDS: "  # ZTE puts a comma before the length
    access_technology: int | None = None  # <AcT> of +CREG and +COPS; None: left out
    reset_level: frozenset[tuple[int, int]] = frozenset({(1, 1)})  # +CFUN parameters that restart it
    absent: frozenset[str] = frozenset()  # commands of the common set that this make does not know
    unknown_answer: str | None = None  # in place of ERROR for an unknown command
    without_result: frozenset[str] = frozenset()  # command lines after AT whose OK never comes
    before_prompt: tuple[str, ...] = ()  # unsolicited lines that come between +CMGS and its prompt
    periodic_urcs: tuple[
        tuple[float, str], ...
    ] = ()  # unsolicited lines again and again: seconds between, and the line
    nested_memories: bool = False  # one more pair of parentheses around the answer of +CPMS=?
    report_head: str = "+CMGR: {status},,{length}"  # how a stored report begins in PDU mode
    bare_recipients: bool = False  # in text mode +CMGS takes a number without quotes
    clears_service_centre: bool = False  # +CSMP makes it forget +CSCA
    urc_port: str = "usbat"  # which of its ports the terminal is, where unsolicited lines go to one only
    clock_at_start: str = "80/01/06,00:00:00"  # +CCLK of a clock that was never set
