"""List, read and delete stored messages (27.005, 3.2.2, 3.4 and 4)."""

from __future__ import annotations

from modem.simulator.core import textmode
from modem.simulator.core.modem import Handler, Modem
from modem.simulator.core.request import Form, Request, number, string
from modem.simulator.core.results import CmsError
from modem.simulator.core.storage import ALL, STATUS_TEXT, Status, Storage, Stored
from modem.simulator.core.tpdu import RefusedTpduError

INVALID_INDEX = 321
_PARAMETER = 302
_MEMORY_FAILURE = 320


def storage(modem: Modem, request: Request) -> None:
    """+CPMS (27.005, 3.2.2)."""
    if request.form is Form.TEST:
        shown = [f"({','.join([_quoted(name) for name in names])})" for names in modem.traits.storage]
        listed = ",".join(shown)
        modem.info(f"+CPMS: ({listed})" if modem.traits.nested_memories else f"+CPMS: {listed}")
        return
    current = modem.settings.storage[: len(modem.traits.storage)]
    if request.form is Form.READ:
        shown = [f"{_quoted(name)},{_fill(modem.memory(name))}" for name in current]
        modem.info(f"+CPMS: {','.join(shown)}")
        return
    arguments = request.arguments()
    if request.form is not Form.SET or len(arguments) > len(current):
        raise CmsError(_PARAMETER)
    for position, raw in enumerate(arguments):
        if raw:
            name = string(raw, CmsError(_PARAMETER)).upper()
            if name not in modem.traits.storage[position]:
                raise CmsError(_PARAMETER)
            current[position] = name
    shown = [_fill(modem.memory(name)) for name in current]
    modem.settings.storage[: len(current)] = current
    modem.info(f"+CPMS: {','.join(shown)}")


def _quoted(name: str) -> str:
    return f'"{name}"'


def _fill(memory: Storage) -> str:
    return f"{memory.used},{memory.capacity}"


def read(modem: Modem, request: Request) -> None:
    """+CMGR (27.005, 3.4.3 and 4.2): it marks an unread message as read."""
    if request.form is Form.TEST:
        return
    stored = _found(modem, request)
    if modem.settings.cmgf:
        try:
            lines = textmode.read_lines(modem.settings, stored)
        except (IndexError, RefusedTpduError):
            raise CmsError(_MEMORY_FAILURE) from None
    else:
        head = modem.traits.report_head if stored.is_report else "+CMGR: {status},,{length}"
        lines = [head.format(status=int(stored.status), length=len(stored.tpdu)), stored.pdu.hex().upper()]
    for line in lines:
        modem.info(line)
    _seen(stored)


def _found(modem: Modem, request: Request) -> Stored:
    memory = modem.memory(modem.settings.storage[0])
    if request.form is not Form.SET:
        raise CmsError(INVALID_INDEX)
    stored = memory.get(_place(modem, memory, request.raw))
    if stored is None:
        raise CmsError(INVALID_INDEX)
    return stored


def _place(modem: Modem, memory: Storage, raw: str) -> int:
    first = modem.traits.first_index
    return number(raw, range(first, first + memory.capacity), CmsError(INVALID_INDEX)) - first


def _seen(stored: Stored) -> None:
    if stored.status is Status.UNREAD:
        stored.status = Status.READ


def list_messages(modem: Modem, request: Request) -> None:
    """+CMGL (27.005, 3.4.2 and 4.1): it marks unread messages as read."""
    in_text = bool(modem.settings.cmgf)
    if request.form is Form.TEST:
        names = ",".join([_quoted(name) for name in (*STATUS_TEXT, "ALL")])
        modem.info(f"+CMGL: ({names})" if in_text else "+CMGL: (0-4)")
        return
    memory = modem.memory(modem.settings.storage[0])
    wanted = _wanted(request, in_text=in_text)
    for place, stored in memory.items():
        if wanted not in {ALL, stored.status}:
            continue
        index = place + modem.traits.first_index
        if in_text:
            try:
                lines = textmode.list_lines(modem.settings, index, stored)
            except (IndexError, RefusedTpduError):
                continue  # without a TPDU there is no text to show
        else:
            lines = [f"+CMGL: {index},{int(stored.status)},,{len(stored.tpdu)}", stored.pdu.hex().upper()]
        for line in lines:
            modem.info(line)
        _seen(stored)
    modem.inbox.overwrite(memory)


def _wanted(request: Request, *, in_text: bool) -> int:
    if request.form is Form.ACTION:
        return Status.UNREAD
    if request.form is not Form.SET:
        raise CmsError(_PARAMETER)
    if not in_text:
        return number(request.raw, range(5), CmsError(304))
    name = string(request.arguments()[0], CmsError(305))
    if name == "ALL":
        return ALL
    if name not in STATUS_TEXT:
        raise CmsError(305)
    return STATUS_TEXT.index(name)


def delete(modem: Modem, request: Request) -> None:
    """+CMGD (27.005, 3.5.4): deletes one message, or with a flag all of a status."""
    memory = modem.memory(modem.settings.storage[0])
    first = modem.traits.first_index
    if request.form is Form.TEST:
        places = ",".join([str(place + first) for place, _ in memory.items()])
        modem.info(f"+CMGD: ({places}),(0-4)")
        return
    arguments = request.arguments()
    if request.form is not Form.SET or len(arguments) > 2:
        raise CmsError(INVALID_INDEX)
    flag = number(arguments[1], range(5), CmsError(_PARAMETER)) if len(arguments) > 1 else 0
    place = _place(modem, memory, arguments[0])
    if flag == 0:
        if not memory.delete(place):
            raise CmsError(INVALID_INDEX)
    else:
        _delete_kind(memory, flag)
    _tell_network(modem)


def delete_all(modem: Modem) -> None:
    """Empty the memory that is read from. Raises `CmsError`."""
    _delete_kind(modem.memory(modem.settings.storage[0]), ALL)
    _tell_network(modem)


def _tell_network(modem: Modem) -> None:
    """Report that the card has memory again (23.040, 10.3.3)."""
    if modem.card is not None and modem.radio.registered:
        modem.network.memory_available(modem.card)


_DELETED_BY_FLAG = {
    1: {Status.READ},
    2: {Status.READ, Status.SENT},
    3: {Status.READ, Status.SENT, Status.UNSENT},
    4: set(Status),
}


def _delete_kind(memory: Storage, flag: int) -> None:
    for place, stored in memory.items():
        if stored.status in _DELETED_BY_FLAG[flag]:
            memory.delete(place)


COMMANDS: dict[str, Handler] = {
    "+CPMS": storage,
    "+CMGR": read,
    "+CMGL": list_messages,
    "+CMGD": delete,
}
