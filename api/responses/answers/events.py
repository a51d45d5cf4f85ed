"""Answers with events, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from api.responses.answers.envelope import Shape, Success, Time


class Event(Shape):
    """An event: something that happened."""

    id: str
    """Never used twice."""
    type: str
    timestamp: Time
    data: dict[str, Any]
    """Of `message.*` the message as in `GET /sms/messages` with its `sequence`, of `message.received` the text."""


class EventsAnswer(Success):
    """A page of events, oldest first."""

    data: list[Event]
    next_cursor: str
    """The `after` of the next request."""
    reset: bool
    """Whether events behind the cursor were lost."""
    more: bool
    """Whether there may be more events already."""
