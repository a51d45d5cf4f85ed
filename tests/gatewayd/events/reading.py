"""Reads events as a client does."""

from __future__ import annotations

from gatewayd.events.cursor import Cursor
from gatewayd.events.reader import EventPage, EventQuery
from gatewayd.records import Audience, EventRecord
from tests.gatewayd.played_ports import PlayedGateway


def of_company(played: PlayedGateway) -> Audience:
    """The company of the tests."""
    return Audience(played.company)


BOX = Audience(None, box=True)


def page(
    played: PlayedGateway, after: Cursor | None = None, audience: Audience | None = None, limit: int = 1000
) -> EventPage:
    """The events behind a cursor, without waiting."""
    return played.gateway.events.read(audience or of_company(played), EventQuery(after, limit=limit))


def events(played: PlayedGateway, audience: Audience | None = None) -> list[EventRecord]:
    """All events that are kept."""
    return page(played, audience=audience).events


def types(played: PlayedGateway, audience: Audience | None = None) -> list[str]:
    """The types of all events that are kept."""
    return [event.type.value for event in events(played, audience)]
