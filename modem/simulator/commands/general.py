"""Commands of the line, and the modem's identity (V.250, 6; 27.007, 5 and 8)."""

from __future__ import annotations

from modem.simulator.commands.parameters import accepted, parameter, tolerated
from modem.simulator.core.faults import Fault
from modem.simulator.core.modem import FLIGHT, FULL, MINIMAL, Handler, Modem
from modem.simulator.core.request import Form, Request, number
from modem.simulator.core.results import CallEndedError, CmeError, CommandError
from modem.simulator.core.settings import Settings

GLUED = "^BOOT:9767194,0,0,0,20"  # a Huawei's, that ends without a line end
INDICATORS = ("battchg", "signal", "service", "sounder", "message", "call", "roam", "smsfull")  # 27.007, 8.9
RESTART_S = 0.2  # from the OK of a restart to its beginning: the answer has to leave first


def _switch(request: Request) -> bool:
    """0 or 1 after a letter; a missing digit is 0 (V.250, 5.3.1)."""
    raw = request.raw or "0"
    if raw not in {"0", "1"}:
        raise CommandError
    return raw == "1"


def echo(modem: Modem, request: Request) -> None:
    """ATE (V.250, 6.2.4)."""
    modem.settings.echo = _switch(request)


def quiet(modem: Modem, request: Request) -> None:
    """ATQ (V.250, 6.2.5)."""
    modem.settings.quiet = _switch(request)


def verbose(modem: Modem, request: Request) -> None:
    """ATV (V.250, 6.2.6)."""
    modem.settings.verbose = _switch(request)


def defaults(modem: Modem, request: Request) -> None:
    """ATZ and AT&F (V.250, 6.1.1 and 6.1.2): there is one profile, the factory's."""
    if request.raw not in {"", "0", "1"}:
        raise CommandError
    modem.settings = Settings.of(modem.traits)


def identification(modem: Modem, request: Request) -> None:
    """ATI (V.250, 6.1.3)."""
    del request
    for line in modem.traits.identification:
        modem.info(line.format(imei=modem.imei))


def dial(modem: Modem, request: Request) -> None:
    """ATD (V.250, 6.3.1): no call is ever answered."""
    modem.ready_card(sms=False)
    del request
    raise CallEndedError


def hang_up(modem: Modem, request: Request) -> None:
    """ATH and +CHUP (V.250, 6.3.6; 27.007, 6.5)."""
    del request
    modem.end_call()


def register(modem: Modem, request: Request) -> None:
    """ATS (V.250, 5.3.2): values are kept, but the characters CR, LF and BS do not change."""
    if request.form is Form.READ:
        default = {"S3": 13, "S4": 10, "S5": 8, "S7": 60}.get(request.name, 0)
        modem.info(f"{modem.settings.others.get(request.name, default):03}")
        return
    value = number(request.raw, range(256), CommandError())
    if (request.name, value) not in {("S3", 13), ("S4", 10), ("S5", 8)} and request.name in {
        "S3",
        "S4",
        "S5",
    }:
        raise CommandError
    modem.settings.others[request.name] = value


def manufacturer(modem: Modem, request: Request) -> None:
    """+CGMI (27.007, 5.1)."""
    _answer_identity(modem, request, modem.traits.manufacturer)


def model(modem: Modem, request: Request) -> None:
    """+CGMM (27.007, 5.2)."""
    _answer_identity(modem, request, modem.traits.model)


def revision(modem: Modem, request: Request) -> None:
    """+CGMR (27.007, 5.3)."""
    _answer_identity(modem, request, modem.traits.revision)


def serial_number(modem: Modem, request: Request) -> None:
    """+CGSN (27.007, 5.4): the IMEI."""
    _answer_identity(modem, request, modem.imei)


def capabilities(modem: Modem, request: Request) -> None:
    """+GCAP (V.250, 6.1.9)."""
    _answer_identity(modem, request, modem.traits.capabilities)


def _answer_identity(modem: Modem, request: Request, line: str) -> None:
    if request.form is Form.ACTION:
        modem.info(GLUED + line if modem.faults.take(Fault.IDENTITY_GLUED) else line)
    elif request.form is not Form.TEST:
        raise CmeError(50)


def list_commands(modem: Modem, request: Request) -> None:
    """+CLAC (27.007, 8.37)."""
    if request.form is Form.ACTION:
        for name in sorted(modem.commands):
            if not name.startswith("S"):
                modem.info(f"AT{name}")


def functionality(modem: Modem, request: Request) -> None:
    """+CFUN (27.007, 8.2): 0 minimum, 1 full, 4 radio off; `,1` restarts first."""
    if request.form is Form.READ:
        modem.info(f"+CFUN: {modem.function}")
        return
    if request.form is Form.TEST:
        modem.info("+CFUN: (0,1,4),(0,1)")
        return
    arguments = request.arguments() if request.form is Form.SET else ["1"]
    level = number(arguments[0], range(5))
    restart = number(arguments[1], range(2)) if len(arguments) > 1 else 0
    if level not in {MINIMAL, FULL, FLIGHT} or len(arguments) > 2:
        raise CmeError(50)
    if (level, restart) in modem.traits.reset_level:
        modem.restart_after(RESTART_S)
    elif restart:
        raise CmeError(50)
    else:
        modem.set_function(level)


def activity(modem: Modem, request: Request) -> None:
    """+CPAS (27.007, 8.1): 0 ready."""
    if request.form is Form.TEST:
        modem.info("+CPAS: (0,2,3,4)")
    else:
        modem.info("+CPAS: 0")


def indicators(modem: Modem, request: Request) -> None:
    """+CIND (27.007, 8.9): the indicators have names, and numbers in the order of the test command."""
    if request.form is Form.TEST:
        named = [f'("{name}",(0-5))' for name in INDICATORS]
        modem.info(f"+CIND: {','.join(named)}")


def charset(modem: Modem, request: Request) -> None:
    """+CSCS (27.007, 5.5)."""
    settings = modem.settings
    if request.form is Form.READ:
        modem.info(f'+CSCS: "{settings.cscs}"')
    elif request.form is Form.TEST:
        names = ",".join([f'"{name}"' for name in modem.traits.charsets])
        modem.info(f"+CSCS: ({names})")
    else:
        name = request.raw.strip('"').upper()
        if name not in modem.traits.charsets:
            raise CmeError(50)
        if name == "GSM" and modem.faults.take(Fault.CHARSET_REFUSED):
            settings.cscs = "UCS2"
            raise CmeError(4)
        settings.cscs = name


COMMANDS: dict[str, Handler] = {
    "E": echo,
    "Q": quiet,
    "V": verbose,
    "Z": defaults,
    "&F": defaults,
    "&W": accepted,
    "&C": accepted,
    "&D": accepted,
    "&K": accepted,
    "&S": accepted,
    "\\Q": accepted,
    "X": accepted,
    "M": accepted,
    "L": accepted,
    "H": hang_up,
    "I": identification,
    "D": dial,
    **{f"S{register_number}": register for register_number in range(40)},
    "+CGMI": manufacturer,
    "+GMI": manufacturer,
    "+CGMM": model,
    "+GMM": model,
    "+CGMR": revision,
    "+GMR": revision,
    "+CGSN": serial_number,
    "+GSN": serial_number,
    "+GCAP": capabilities,
    "+CLAC": list_commands,
    "+CMEE": parameter("+CMEE", "cmee", range(3)),
    "+CFUN": functionality,
    "+CPAS": activity,
    "+CSCS": charset,
    "+CTZR": tolerated("+CTZR", range(3)),
    "+CMER": accepted,
    "+CIND": indicators,
    "+IPR": tolerated("+IPR", range(921601), 115200),
    "+IFC": accepted,
    "+ICF": accepted,
    "+CHUP": hang_up,
    "+CVHU": tolerated("+CVHU", range(3)),
    "+CRC": tolerated("+CRC", range(2)),
    "+CSTA": tolerated("+CSTA", range(256), 145),
    "+CGATT": tolerated("+CGATT", range(2), 1),
    "+CSAS": accepted,
    "+CRES": accepted,
}
