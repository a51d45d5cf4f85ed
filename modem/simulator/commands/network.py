"""Registration, signal, operator (27.007, 7.2, 7.3, 8.5 and 8.69)."""

from __future__ import annotations

from modem.simulator.core import textmode
from modem.simulator.core.faults import Fault
from modem.simulator.core.modem import Flow, Handler, Modem
from modem.simulator.core.radio import Cure
from modem.simulator.core.request import Form, Request, number
from modem.simulator.core.results import CmeError
from modem.simulator.core.sim import OPERATORS, Operator

SEARCH_S = 10.0  # a scan of all channels


def _registration(name: str, field: str) -> Handler:
    def handler(modem: Modem, request: Request) -> None:
        settings = modem.settings
        if request.form is Form.READ:
            level: int = getattr(settings, field)
            odd = modem.faults.take(Fault.ODD_FORM)
            stat = modem.registration(level)
            modem.info(f"{name}:{level:03},00{stat}" if odd else f"{name}: {level},{stat}")
        elif request.form is Form.TEST:
            modem.info(f"{name}: (0-2)")
        else:
            setattr(settings, field, number(request.raw if request.form is Form.SET else "0", range(3)))

    return handler


def signal(modem: Modem, request: Request) -> None:
    """+CSQ (27.007, 8.5)."""
    if request.form is Form.TEST:
        modem.info("+CSQ: (0-31,99),(0-7,99)")
    elif request.form is Form.ACTION:
        modem.info(f"+CSQ: {modem.radio.rssi if modem.function == 1 else 99},99")
    else:
        raise CmeError(50)


def extended_signal(modem: Modem, request: Request) -> None:
    """+CESQ (27.007, 8.69): the GSM level alone."""
    if request.form is Form.TEST:
        modem.info("+CESQ: (0-63,99),(0-7,99),(0-96,255),(0-49,255),(0-34,255),(0-97,255)")
    else:
        level = 2 * modem.radio.rssi if modem.radio.rssi <= 31 and modem.function == 1 else 99
        modem.info(f"+CESQ: {level},99,255,255,255,255")


def operator(modem: Modem, request: Request) -> Flow | None:
    """+COPS (27.007, 7.3)."""
    if request.form is Form.READ:
        modem.info(f"+COPS: {_current(modem)}")
        return None
    if request.form is Form.TEST:
        modem.ready_card(sms=False)
        modem.ends_with_power(modem.timers.later(SEARCH_S, lambda: _found(modem)))
        return Flow.PENDING
    arguments = request.arguments() if request.form is Form.SET else ["0"]
    mode = number(arguments[0], range(5))
    if len(arguments) > 1 and arguments[1]:
        modem.settings.cops_format = number(arguments[1], range(3))
    if mode == 3:
        return None
    modem.ready_card(sms=False)
    if mode in {1, 4} and (len(arguments) < 3 or not _allowed(modem, arguments[2].strip('"'))):
        raise CmeError(30)
    modem.radio.wanted = mode != 2
    modem.radio.mode = mode
    modem.refresh_radio()
    if mode == 0:
        modem.radio.cure(Cure.OPERATOR)
    return None


def _current(modem: Modem) -> str:
    mode = modem.radio.mode
    card = modem.card
    if card is None or not modem.radio.registered:
        return str(mode)
    name = _named(card.operator, modem.settings.cops_format, modem.settings.cscs)
    shown = f'{mode},{modem.settings.cops_format},"{name}"'
    technology = modem.traits.access_technology
    return shown if technology is None else f"{shown},{technology}"


def _named(operator: Operator, form: int, charset: str) -> str:
    if form == 2:
        return operator.plmn
    return textmode.shown(operator.short_name if form else operator.name, charset)


def _allowed(modem: Modem, name: str) -> bool:
    card = modem.card
    return card is not None and name in {card.operator.plmn, card.operator.name, card.operator.short_name}


def _found(modem: Modem) -> None:
    home = modem.card.operator if modem.card else None
    entries = [
        f'({2 if operator is home else 3},"{operator.name}","{operator.short_name}","{operator.plmn}")'
        for operator in OPERATORS
    ]
    modem.info(f"+COPS: {','.join(entries)},,(0-4),(0-2)")
    modem.complete()


COMMANDS: dict[str, Handler] = {
    "+CREG": _registration("+CREG", "creg"),
    "+CGREG": _registration("+CGREG", "cgreg"),
    "+CEREG": _registration("+CEREG", "cereg"),
    "+CSQ": signal,
    "+CESQ": extended_signal,
    "+COPS": operator,
}
