"""Commands of the SIM card: identity, PIN, slot (27.007, 7.4, 7.5, 8.3 and 8.72)."""

from __future__ import annotations

from modem.simulator.core.faults import Fault
from modem.simulator.core.modem import FULL, Handler, Modem
from modem.simulator.core.request import Form, Request, number
from modem.simulator.core.results import NOT_ALLOWED, CmeError
from modem.simulator.core.sim import Lock, Sim

_VOICE, _DATA, _FAX = 1, 2, 4


def present_card(modem: Modem) -> Sim:
    """The card, locked or not. Raises CmeError: 10 without a card, 13 if the card has no power."""
    if modem.card is None:
        raise CmeError(10)
    if modem.function == 0 or modem.card.lock is Lock.DEAD:
        raise CmeError(13)
    return modem.card


def numbered_card(modem: Modem) -> Sim:
    """As `present_card`, for commands that read the card's number: a fault lets these fail."""
    card = present_card(modem)
    if modem.faults.take(Fault.ICCID_LOST):
        raise CmeError(13)
    return card


def pin(modem: Modem, request: Request) -> None:
    """+CPIN (27.007, 8.3)."""
    if request.form is Form.TEST:
        return
    card = present_card(modem)
    if request.form is Form.READ:
        locked = modem.faults.take(Fault.MODEM_LOCKED)
        modem.info(f"+CPIN: {'PH-NET PIN' if locked else card.lock.value}")
        return
    if request.form is not Form.SET:
        raise CmeError(50)
    words = [word.strip('"') for word in request.arguments()]
    if not all(word.isdecimal() and 4 <= len(word) <= 8 for word in words) or len(words) > 2:
        raise CmeError(50)
    if card.lock is Lock.READY:
        raise CmeError(NOT_ALLOWED)
    if card.lock is Lock.PUK:
        _unblock(card, words)
    else:
        _verify(card, words[0])
    modem.card_starts()


def _verify(card: Sim, word: str) -> None:
    if not card.verify(word):
        raise CmeError(12 if card.lock is Lock.PUK else 16)


def _unblock(card: Sim, words: list[str]) -> None:
    if len(words) != 2:
        raise CmeError(12)
    if not card.unblock(words[0], words[1]):
        raise CmeError(13 if card.lock is Lock.DEAD else 16)


def tries(modem: Modem, request: Request) -> None:
    """+CPINR (27.007, 8.65): tries left."""
    if request.form is Form.TEST:
        return
    card = present_card(modem)
    which = request.raw.strip('"') if request.form is Form.SET else ""
    for name, left, total in (("SIM PIN", card.pin_tries, 3), ("SIM PUK", card.puk_tries, 10)):
        if which in {"", name}:
            modem.info(f"+CPINR: {name},{left},{total}")


def lock(modem: Modem, request: Request) -> None:
    """+CLCK (27.007, 7.4): only the facility "SC", the card's PIN, is supported."""
    if request.form is Form.TEST:
        modem.info('+CLCK: ("SC")')
        return
    arguments = request.arguments()
    if request.form is not Form.SET or len(arguments) < 2 or arguments[0].strip('"') != "SC":
        raise CmeError(50)
    card = present_card(modem)
    mode = number(arguments[1], range(3))
    if mode == 2:
        modem.info(f"+CLCK: {int(card.pin_enabled)}")
        return
    modem.ready_card(sms=False)
    if len(arguments) < 3:
        raise CmeError(50)
    _verify(card, arguments[2].strip('"'))
    card.pin_enabled = mode == 1


def password(modem: Modem, request: Request) -> None:
    """+CPWD (27.007, 7.5): change the card's PIN."""
    if request.form is Form.TEST:
        modem.info('+CPWD: ("SC",8)')
        return
    arguments = [word.strip('"') for word in request.arguments()]
    if request.form is not Form.SET or len(arguments) != 3 or arguments[0] != "SC":
        raise CmeError(50)
    card = modem.ready_card(sms=False)
    if not card.pin_enabled:
        raise CmeError(NOT_ALLOWED)
    if not (arguments[2].isdecimal() and 4 <= len(arguments[2]) <= 8):
        raise CmeError(50)
    _verify(card, arguments[1])
    card.pin = arguments[2]


def imsi(modem: Modem, request: Request) -> None:
    """+CIMI (27.007, 5.6)."""
    if request.form is Form.ACTION:
        card = modem.ready_card(sms=False)
        if modem.faults.take(Fault.IMSI_LOST):
            raise CmeError(13)
        modem.info(card.imsi)
    elif request.form is not Form.TEST:
        raise CmeError(50)


def iccid(modem: Modem, request: Request) -> None:
    """+CCID and similar commands: they work while the card is locked."""
    if request.form is Form.TEST:
        return
    card = numbered_card(modem)
    traits = modem.traits
    quote = '"' if traits.iccid_quoted else ""
    modem.info(f"{traits.iccid_prefix}{quote}{card.iccid}{quote}")


def own_number(modem: Modem, request: Request) -> None:
    """+CNUM (27.007, 7.1)."""
    if request.form is Form.ACTION:
        card = modem.ready_card(sms=False)
        modem.info(f'+CNUM: "","{card.number}",145')
    elif request.form is not Form.TEST:
        raise CmeError(50)


def slot(modem: Modem, request: Request) -> None:
    """+CSUS (27.007, 8.72): slots count from 0; refused while the modem is registered."""
    if request.form is Form.TEST:
        modem.info(f"+CSUS: (0-{len(modem.cards) - 1})")
    elif request.form is Form.READ:
        modem.info(f"+CSUS: {modem.active_slot - 1}")
    elif request.form is Form.SET:
        wanted = number(request.raw, range(len(modem.cards)))
        if modem.function == FULL:
            raise CmeError(NOT_ALLOWED)
        modem.select_slot(wanted + 1)
    else:
        raise CmeError(50)


COMMANDS: dict[str, Handler] = {
    "+CPIN": pin,
    "+CPINR": tries,
    "+CLCK": lock,
    "+CPWD": password,
    "+CIMI": imsi,
    "+CCID": iccid,
    "+CNUM": own_number,
    "+CSUS": slot,
}
