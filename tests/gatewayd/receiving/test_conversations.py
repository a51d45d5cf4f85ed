"""The lines of a conversation over pages: each once, and in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.receiving import conversations
from gatewayd.receiving.conversations import Place
from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import inbound
from gatewayd.store.tables.inbound import Nature
from tests.gatewayd.played_ports import A, PlayedGateway

NUMBER = "+22370000001"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path_factory.mktemp("talk"), ports=1)
    played.up(1, A)
    yield played
    played.close()


def fill(played: PlayedGateway, order: list[bool]) -> list[str]:
    """A conversation: a text for each true value and a message for each false one, in the order of time; its words."""
    words = [f"line {place}" for place in range(len(order))]

    def keep(db: Connection) -> None:
        db.execute("DELETE FROM inbox")
        db.execute("DELETE FROM messages")
        for place, received in enumerate(order):
            if received:
                inbound.keep_text(
                    db, 1, NUMBER, words[place], nature=Nature(), sent_at=None, now=place, incomplete=False
                )
            else:
                db.execute(
                    "INSERT INTO messages (sms_id, task_id, company_id, recipient, text, status, priority, pinned, sim_id,"
                    " parts, unsent, undelivered, cost, taken_day, day, created_at)"
                    " VALUES (?, 1, 1, ?, ?, 'sent', 1, 0, 1, 1, 0, 1, 0, '', '', ?)",
                    (f"id{place}", NUMBER, words[place], place),
                )

    played.store.write(keep)
    return words


@given(order=st.lists(st.booleans(), max_size=12), limit=st.integers(1, 5))
def test_pages_of_a_conversation_are_complete_and_in_order(
    played: PlayedGateway, order: list[bool], limit: int
) -> None:
    words = fill(played, order)
    found: list[str] = []
    place: Place | None = Place()
    while place is not None:
        with played.store.readers.lend() as db:
            talk = conversations.read(db, None, NUMBER, place, limit)
        found = [(each.text or each.message).text for each in talk.lines] + found  # type: ignore[union-attr]
        place = talk.earlier
    assert found == words


def test_an_empty_conversation_has_no_lines(played: PlayedGateway, tmp_path: Path) -> None:
    with played.store.readers.lend() as db:
        talk = conversations.read(db, None, "+22379999999", Place(), 5)
    assert (talk.lines, talk.earlier) == ([], None)
