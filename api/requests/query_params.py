"""Parsers for the query parameters of lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from api.requests.times import rfc3339
from gatewayd.errors import Fault, InvalidRequestError
from gatewayd.events.cursor import Cursor
from gatewayd.events.reader import EventQuery
from gatewayd.records import EventType, InboxFilter, MessageFilter, Priority, Status

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

LARGEST_PAGE = 1000
"""Most messages in one response: some hundred kilobytes."""

EVENTS_WAIT_MAX_S = 60
"""The longest time that a request waits for events: proxies give up after that."""

_INTEGER = re.compile(r"-?[0-9]{1,19}")

_Value = TypeVar("_Value")


def message_filter(query: MultiDict[str, str], e164: Callable[[str], str]) -> MessageFilter:
    """Parse the filter of the message list. An empty value counts as absent; no parameter may be repeated.

    Raises InvalidRequestError with every fault, each under the name of its parameter.
    """
    read = _Reader(query)
    parsed = MessageFilter(
        status=read.value("status", _status),
        campaign_id=read.value("campaign_id", integer),
        # An unescaped + in a query is a blank.
        recipient=read.value("recipient", lambda text: e164(re.sub("^ ", "+", text))),
        since=read.value("since", _microseconds),
        until=read.value("until", _microseconds),
        limit=read.value("limit", _page) or MessageFilter().limit,
        cursor=read.value("cursor", integer),
        reference=read.value("reference", str),
        sim_id=read.value("sim_number_id", integer),
        priority=read.value("priority", _priority),
    )
    read.finish()
    return parsed


def inbox_filter(query: MultiDict[str, str], e164: Callable[[str], str]) -> InboxFilter:
    """Parse the filter of the inbox, with the rules of `message_filter`.

    A sender that is no number of the plan, as a short code or a name, is taken as it is.
    """

    def sender(text: str) -> str:
        text = re.sub("^ ", "+", text)  # an unescaped + in a query is a blank
        try:
            return e164(text)
        except ValueError:
            return text

    read = _Reader(query)
    parsed = InboxFilter(
        sender=read.value("sender", sender),
        since=read.value("since", _microseconds),
        until=read.value("until", _microseconds),
        unread=read.value("unread", _boolean),
        sim_id=read.value("sim_number_id", integer),
        limit=read.value("limit", _page) or InboxFilter().limit,
        cursor=read.value("cursor", integer),
    )
    read.finish()
    return parsed


def page(query: MultiDict[str, str]) -> tuple[int, int | None]:
    """Parse page size and cursor, with the rules of `message_filter`."""
    read = _Reader(query)
    limit = read.value("limit", _page) or MessageFilter().limit
    cursor = read.value("cursor", integer)
    read.finish()
    return limit, cursor


def row_id(text: str) -> int:
    """The id of a row in a path; 0, which no row has, where it is no such number."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else 0


def event_query(query: MultiDict[str, str]) -> tuple[EventQuery, int]:
    """Parse a request for events, and the seconds that it waits for one, with the rules of `message_filter`.

    `types` has names with commas between them, and may be repeated.
    """
    read = _Reader(query)
    names = {name.strip() for value in query.getlist("types") for name in value.split(",")} - {""}
    types: set[EventType] = set()
    for name in sorted(names):
        found = read.checked("types", name, _event_type)
        types |= set() if found is None else {found}
    parsed = EventQuery(
        after=read.value("after", Cursor.parse),
        types=frozenset(types) or None,
        limit=read.value("limit", _page) or EventQuery().limit,
    )
    wait_s = read.value("wait", _wait) or 0
    read.finish()
    return parsed, wait_s


class _Reader:
    """Reads parameters one by one, and collects their faults."""

    def __init__(self, query: MultiDict[str, str]) -> None:
        self._query = query
        self._faults: list[Fault] = []

    def value(self, name: str, convert: Callable[[str], _Value]) -> _Value | None:
        """A parameter's value; None if it is absent, empty, invalid or repeated."""
        texts = self._query.getlist(name)
        if len(texts) > 1:  # a client that means both must not get the answer to one
            self._faults.append(Fault(name, "must be given only once"))
            return None
        return self.checked(name, texts[0], convert) if texts and texts[0] else None

    def checked(self, name: str, text: str, convert: Callable[[str], _Value]) -> _Value | None:
        """The value of a parameter's text; None if it is invalid."""
        try:
            return convert(text)
        except ValueError as error:
            self._faults.append(Fault(name, str(error)))
            return None

    def finish(self) -> None:
        """Raise InvalidRequestError if a parameter was invalid."""
        if self._faults:
            raise InvalidRequestError(self._faults)


def _status(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        names = ", ".join(status.value for status in Status)
        raise ValueError(f"must be one of {names}") from None


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _event_type(name: str) -> EventType:
    try:
        return EventType(name)
    except ValueError:
        names = ", ".join(each.value for each in EventType)
        raise ValueError(f"{name!r} is no type of events: they are {names}") from None


def _wait(text: str) -> int:
    seconds = integer(text)
    if not 0 <= seconds <= EVENTS_WAIT_MAX_S:
        raise ValueError(f"must be 0 to {EVENTS_WAIT_MAX_S} seconds")
    return seconds


def _priority(text: str) -> Priority:
    names = {priority.name.lower(): priority for priority in Priority}
    if text not in names:
        raise ValueError(f"must be one of {', '.join(names)}")
    return names[text]


def integer(text: str) -> int:
    """An integer of the store's range. Raises ValueError with a text for the client."""
    if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise ValueError("must be an integer")
    return int(text)


def _page(text: str) -> int:
    size = integer(text)
    if not 1 <= size <= LARGEST_PAGE:
        raise ValueError(f"must be 1 to {LARGEST_PAGE}")
    return size


def _microseconds(text: str) -> int:
    # An unescaped + arrives as a blank: it stands before the offset.
    return rfc3339(re.sub(" (?=[0-9]{2}:[0-9]{2}$)", "+", text))


def point_in_time(text: str) -> int:
    """A date and time of RFC 3339 as microseconds since the epoch. Raises ValueError with a text for the client."""
    return _microseconds(text)


def delivery_filter(query: MultiDict[str, str]) -> tuple[str | None, int, int | None]:
    """Parse the status, the page size and the cursor of a list of deliveries, with the rules of `message_filter`."""
    read = _Reader(query)
    state = read.value("status", _delivery_state)
    limit = read.value("limit", _page) or MessageFilter().limit
    cursor = read.value("cursor", integer)
    read.finish()
    return state, limit, cursor


def _delivery_state(text: str) -> str:
    if text not in ("pending", "delivered", "failed"):
        raise ValueError("must be one of pending, delivered, failed")
    return text
