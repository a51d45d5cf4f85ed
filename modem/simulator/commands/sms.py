"""Sending, and the routing of incoming messages (27.005, 3.3 to 3.5)."""

from __future__ import annotations

from modem.simulator.commands.parameters import accepted, parameter
from modem.simulator.core import textmode, tpdu
from modem.simulator.core.faults import Fault
from modem.simulator.core.modem import LATE_S, Flow, Handler, Modem
from modem.simulator.core.request import Form, Request, number, string
from modem.simulator.core.results import CmsError, CommandError, VendorTextError
from modem.simulator.core.sim import Sim
from modem.simulator.core.storage import Status, Stored
from modem.simulator.core.tpdu import RefusedTpduError, Submit

NOT_SUPPORTED, INVALID_PDU, INVALID_TEXT = 303, 304, 305  # 27.005, 3.2.5
NOT_NOW = 302  # "operation not allowed": a call is up
SHORTEST_TPDU, LONGEST_TPDU = 7, 164  # octets: an address of no digits and no text; 12, VP 7, text 140
PDU_DIGITS = 2 * (12 + LONGEST_TPDU)  # the service centre's address takes 12 octets at most
TEXT_OCTETS = 4 * tpdu.MAX_SEPTETS  # the longest text in UCS-2 digits


def send(modem: Modem, request: Request) -> Flow | None:
    """+CMGS (27.005, 3.5.1 and 4.3)."""
    if request.form is Form.TEST:
        return None
    if request.form is not Form.SET:
        raise CmsError(INVALID_PDU)
    modem.network.asked(modem.ready_card(sms=True))
    if modem.settings.cmgf:
        recipient = dialled(modem, request.arguments())

        def text_done(body: bytes) -> Flow | None:
            return submit_octets(modem, _typed_submit(modem, recipient, body), "+CMGS")

        return modem.prompt(text_done, is_text=True, limit=TEXT_OCTETS)
    length = number(request.raw, range(SHORTEST_TPDU, LONGEST_TPDU + 1), CmsError(INVALID_PDU))

    def pdu_done(body: bytes) -> Flow | None:
        return submit_octets(modem, typed_pdu(modem, length, body), "+CMGS")

    return modem.prompt(pdu_done, is_text=False, limit=PDU_DIGITS)


def dialled(modem: Modem, arguments: list[str]) -> str:
    """`<da>[,<toda>]` as a number, with + where it is international. Raises `CmsError`."""
    error = CmsError(INVALID_TEXT)
    bare = modem.traits.bare_recipients and arguments[0].isdecimal()
    raw = (arguments[0] if bare else string(arguments[0], error)).encode("latin-1")
    typed = textmode.typed(raw, modem.settings.cscs)
    if len(arguments) > 2:
        raise error
    kind = number(arguments[1], range(128, 256), error) if len(arguments) > 1 and arguments[1] else None
    digits = typed.removeprefix("+")
    if not digits or len(digits) > tpdu.MAX_ADDRESS_DIGITS or not set(digits) <= set("0123456789*#"):
        raise error
    international = typed.startswith("+") or (kind is not None and kind & 0x70 == 0x10)
    return "+" + digits if international else digits


def _typed_submit(modem: Modem, recipient: str, body: bytes) -> bytes:
    return textmode.submit(modem.settings, recipient, body, INVALID_TEXT)


def typed_pdu(modem: Modem, length: int, body: bytes) -> bytes:
    """The TPDU from hexadecimal digits, after a check of the service centre's address. Raises CmsError."""
    if len(body) > PDU_DIGITS or len(body) % 2:
        raise CmsError(INVALID_PDU)
    try:
        octets = bytes.fromhex(body.decode("ascii"))
    except ValueError:
        raise CmsError(INVALID_PDU) from None
    if len(octets) * 2 != len(body):  # fromhex() lets blanks pass
        raise CmsError(INVALID_PDU)
    if not octets or octets[0] > 12 or octets[0] == 1:
        raise CmsError(INVALID_PDU)
    address, submit = octets[: 1 + octets[0]], octets[1 + octets[0] :]
    if len(submit) != length:
        raise CmsError(INVALID_PDU)
    if len(address) > 1 and not address[1] & 0x80:
        raise CmsError(INVALID_PDU)
    if len(address) == 1 and not modem.ready_card(sms=True).service_centre:
        raise CmsError(330)
    return submit


def submit_octets(modem: Modem, octets: bytes, name: str, stored: Stored | None = None) -> Flow:
    """Hand a TPDU to the network; the command ends when the network has answered. Raises `CmsError`.

    `stored`: what it was read from, which is marked once the network took it.
    """
    try:
        submit = tpdu.parse_submit(octets)
    except RefusedTpduError as error:
        raise CmsError(error.code) from None
    card = modem.ready_card(sms=True)
    if modem.settings.cmgf and not card.service_centre:
        raise CmsError(330)
    if not modem.radio.registered:
        raise CmsError(modem.traits.unregistered_code)
    faults = modem.faults
    if modem.ringing:
        raise CmsError(NOT_NOW)
    if faults.take(Fault.REFUSED_WORDS):
        raise VendorTextError("no credit left")
    if faults.take(Fault.REFUSED):
        raise CmsError(faults.code)
    wait_s = modem.network.submit_s
    if faults.take(Fault.SILENT_LOST):
        modem.fall_silent_after(wait_s)
    elif faults.take(Fault.RESET_BEFORE):
        modem.ends_with_power(modem.timers.later(wait_s / 2, modem.reset))
    else:
        _carry(modem, card, octets, submit, name, stored)
    return Flow.PENDING


def _carry(modem: Modem, card: Sim, octets: bytes, submit: Submit, name: str, stored: Stored | None) -> None:
    faults = modem.faults
    command = modem.running

    def answer(reference: int | None, code: int) -> None:
        power_goes = reference is not None and (Fault.RESET_AFTER in faults or Fault.VANISH in faults)
        if stored is not None and reference is not None and modem.traits.marks_sent and not power_goes:
            stored.status = Status.SENT
        if modem.running != command:
            return  # the command was abandoned: no answer is sent
        if reference is None:
            modem.complete(CmsError(code))
        elif faults.take(Fault.SILENT_TAKEN):
            modem.fall_silent_after(0.0)
        elif faults.take(Fault.REFERENCE_LATE):
            modem.owed.append(f"{name}: {reference}")
            modem.fall_silent_after(0.0)
        elif faults.take(Fault.RESET_AFTER):
            modem.reset()
        elif faults.take(Fault.VANISH):
            modem.vanish()
        else:
            while modem.owed:
                modem.info(modem.owed.popleft())
            modem.info(f"{name}: {reference}")
            if faults.take(Fault.LATE):
                modem.complete_after(LATE_S)
            elif faults.take(Fault.REPORT_FIRST):
                modem.complete_after(2 * modem.network.delivery_s)
            else:
                modem.complete()
                modem.network.answered(card)

    kept = submit.reference if modem.traits.keeps_reference else None
    modem.ends_with_power(modem.network.submit(card, octets, submit, answer, reference=kept))


def routing(modem: Modem, request: Request) -> None:
    """+CNMI (27.005, 3.4.1)."""
    settings, traits = modem.settings, modem.traits
    if request.form is Form.READ:
        modem.info(f"+CNMI: {','.join(map(str, settings.cnmi))}")
        return
    if request.form is Form.TEST:
        modem.info(f"+CNMI: {traits.cnmi_shown}")
        return
    arguments = request.arguments() if request.form is Form.SET else []
    if len(arguments) > 5:
        raise CmsError(traits.cnmi_error)
    error = CmsError(traits.cnmi_error)
    given = [number(raw, range(10), error) if raw else None for raw in arguments]
    given += [None] * (5 - len(given))
    wanted = tuple(old if new is None else new for old, new in zip(settings.cnmi, given, strict=True))
    if request.form is Form.ACTION:
        wanted = traits.cnmi_at_start
    if not all(value in values for value, values in zip(wanted, traits.cnmi_values, strict=True)):
        raise error
    settings.cnmi = wanted
    modem.inbox.routing_changed()


def service(modem: Modem, request: Request) -> None:
    """+CSMS (27.005, 3.2.1): with 1, the program must acknowledge each forwarded message."""
    settings, types = modem.settings, sorted(modem.traits.csms_types)
    if request.form is Form.READ:
        modem.info(f"+CSMS: {settings.csms},1,1,1")
    elif request.form is Form.TEST:
        modem.info(f"+CSMS: ({','.join(map(str, types))})")
    else:
        wanted = number(request.raw if request.form is Form.SET else "0", range(256), CmsError(302))
        if wanted not in types:
            raise CmsError(NOT_SUPPORTED)
        settings.csms = wanted
        modem.info("+CSMS: 1,1,1")


def acknowledge(modem: Modem, request: Request) -> Flow | None:
    """+CNMA (27.005, 3.4.4 and 4.7)."""
    if request.form is Form.TEST:
        modem.info("+CNMA: (0-2)")
        return None
    if modem.settings.csms != 1 or not modem.inbox.awaits_acknowledgement:
        raise CmsError(340)
    arguments = request.arguments() if request.form is Form.SET else ["0"]
    number(arguments[0], range(3), CmsError(INVALID_PDU))
    if len(arguments) == 1:
        modem.inbox.acknowledged()
        return None
    number(arguments[1], range(1, LONGEST_TPDU), CmsError(INVALID_PDU))

    def done(body: bytes) -> Flow | None:
        del body  # the acknowledgement's own TPDU changes nothing here
        modem.inbox.acknowledged()
        return None

    return modem.prompt(done, is_text=False, limit=PDU_DIGITS)


def service_centre(modem: Modem, request: Request) -> None:
    """+CSCA (27.005, 3.3.1)."""
    if request.form is Form.TEST:
        return
    card = modem.ready_card(sms=True)
    if request.form is Form.READ and modem.faults.take(Fault.ODD_FORM):
        return
    if request.form is Form.READ:
        centre = card.service_centre
        kind = 145 if centre.startswith("+") else 129
        modem.info(f'+CSCA: "{textmode.shown(centre, modem.settings.cscs)}",{kind}')
        return
    if request.form is not Form.SET:
        raise CmsError(INVALID_TEXT)
    if request.raw == '""':
        card.service_centre = ""
    else:
        card.service_centre = dialled(modem, request.arguments())


def text_parameters(modem: Modem, request: Request) -> None:
    """+CSMP (27.005, 3.3.2)."""
    settings = modem.settings
    if request.form is Form.READ:
        modem.info(f"+CSMP: {','.join(map(str, settings.csmp))}")
    elif request.form is Form.SET:
        error = CmsError(INVALID_TEXT)
        arguments = [raw.strip('"') for raw in request.arguments()]
        if len(arguments) > 4:
            raise error
        given = [number(raw, range(256), error) if raw else None for raw in arguments]
        given += [None] * (4 - len(given))
        first, validity, pid, dcs = (
            old if new is None else new for old, new in zip(settings.csmp, given, strict=True)
        )
        if first & 0x03 != 0x01:
            raise error
        settings.csmp = (first, validity, pid, dcs)
        if modem.traits.clears_service_centre and modem.card is not None:
            modem.card.service_centre = ""
    elif request.form is not Form.TEST:
        raise CommandError


def write(modem: Modem, request: Request) -> Flow | None:
    """+CMGW (27.005, 3.5.3 and 4.4): keep a message for +CMSS."""
    if request.form is Form.TEST:
        return None
    modem.ready_card(sms=True)
    arguments = request.arguments() if request.form is Form.SET else []
    if modem.settings.cmgf:
        recipient = dialled(modem, arguments[:2]) if arguments else ""

        def text_done(body: bytes) -> None:
            if not recipient:
                raise CmsError(INVALID_TEXT)
            _keep(modem, b"\x00" + _typed_submit(modem, recipient, body), Status.UNSENT)

        return modem.prompt(text_done, is_text=True, limit=TEXT_OCTETS)
    if not arguments:
        raise CmsError(INVALID_PDU)
    length = number(arguments[0], range(SHORTEST_TPDU, LONGEST_TPDU + 1), CmsError(INVALID_PDU))
    status = (
        Status(number(arguments[1], range(4), CmsError(INVALID_PDU))) if len(arguments) > 1 else Status.UNSENT
    )

    def pdu_done(body: bytes) -> None:
        typed_pdu(modem, length, body)
        _keep(modem, bytes.fromhex(body.decode("ascii")), status)

    return modem.prompt(pdu_done, is_text=False, limit=PDU_DIGITS)


def _keep(modem: Modem, pdu: bytes, status: Status) -> None:
    memory = modem.memory(modem.settings.storage[1])
    place = memory.put(Stored(status, pdu))
    if place is None:
        raise CmsError(322)
    modem.info(f"+CMGW: {place + modem.traits.first_index}")


def send_stored(modem: Modem, request: Request) -> Flow | None:
    """+CMSS (27.005, 3.5.2)."""
    if request.form is Form.TEST:
        return None
    arguments = request.arguments()
    if request.form is not Form.SET or len(arguments) > 3:
        raise CmsError(INVALID_PDU)
    modem.network.asked(modem.ready_card(sms=True))
    memory = modem.memory(modem.settings.storage[1])
    index = number(arguments[0], range(1 << 16), CmsError(321)) - modem.traits.first_index
    stored = memory.get(index)
    if not modem.traits.sends_stored:
        raise CmsError(NOT_SUPPORTED)
    if stored is None or stored.status < Status.UNSENT:
        raise CmsError(321)
    octets = stored.tpdu
    if len(arguments) > 1:
        octets = _readdressed(octets, dialled(modem, arguments[1:]))
    return submit_octets(modem, octets, "+CMSS", stored)


def _readdressed(octets: bytes, recipient: str) -> bytes:
    end = 4 + (octets[2] + 1) // 2
    return octets[:2] + tpdu.address(recipient) + octets[end:]


COMMANDS: dict[str, Handler] = {
    "+CMGS": send,
    "+CMGW": write,
    "+CMSS": send_stored,
    "+CMGF": parameter("+CMGF", "cmgf", range(2), CmsError(302)),
    "+CMMS": parameter("+CMMS", "cmms", range(3), CmsError(302)),
    "+CSDH": parameter("+CSDH", "csdh", range(2), CmsError(302)),
    "+CNMI": routing,
    "+CSMS": service,
    "+CNMA": acknowledge,
    "+CSCA": service_centre,
    "+CSMP": text_parameters,
    "+CSCB": accepted,
}
