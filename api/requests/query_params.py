"""Parsers for the query parameters of lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from api.requests.times import rfc3339
from gatewayd.errors import Fault, InvalidRequestError
from gatewayd.records import MessageFilter, Priority, Status

LARGEST_PAGE = 1000
"""Most messages in one response: some hundred kilobytes."""

_INTEGER = re.compile(r"-?[0-9]{1,19}")

_Value = TypeVar("_Value")


def message_filter(query: Mapping[str, str], e164: Callable[[str], str]) -> MessageFilter:
    """Parse the filter of the message list. An empty value counts as absent.

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


def page(query: Mapping[str, str]) -> tuple[int, int | None]:
    """Parse page size and cursor, with the rules of `message_filter`."""
    read = _Reader(query)
    limit = read.value("limit", _page) or MessageFilter().limit
    cursor = read.value("cursor", integer)
    read.finish()
    return limit, cursor


class _Reader:
    """Reads parameters one by one, and collects their faults."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = query
        self._faults: list[Fault] = []

    def value(self, name: str, convert: Callable[[str], _Value]) -> _Value | None:
        """A parameter's value; None if it is absent, empty or invalid."""
        text = self._query.get(name, "")
        if not text:
            return None
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
