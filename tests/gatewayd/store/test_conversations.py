"""Conversations: every number once, in every scope, complete over pages, and without reading whole tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import conversations, inbound, pagination
from gatewayd.store.tables.inbound import Nature
from tests.gatewayd.played_ports import A, B, PlayedGateway
from tests.sqlite import sqlite

NUMBERS = ("+22370000001", "+22370000002", "36000", "Orange")
COMPANIES = (None, 1, 2)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path_factory.mktemp("conversations"), ports=2)
    played.up(1, A)
    played.up(2, B)
    yield played
    played.close()


def fill(played: PlayedGateway, texts: list[tuple[int, int | None, bool]]) -> None:
    """Keep texts, each with the index of its sender, its company, and whether it was read, in place of all others."""

    def keep(db: Connection) -> None:
        db.execute("DELETE FROM inbox")
        for sender, company, read in texts:
            text_id = inbound.keep_text(
                db, 0, NUMBERS[sender], "salut", nature=Nature(), sent_at=None, now=1, incomplete=False
            )
            db.execute("UPDATE inbox SET company_id = ?, read = ? WHERE id = ?", (company, read, text_id))

    played.store.write(keep)


@pytest.mark.parametrize("window", [3, 10_000])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(COMPANIES), st.booleans()), max_size=14),
    st.integers(1, 5),
)
def test_each_number_is_listed_once_with_its_unread_texts(
    played: PlayedGateway, window: int, texts: list[tuple[int, int | None, bool]], limit: int
) -> None:
    fill(played, texts)
    for company in COMPANIES:
        seen = [text for text in texts if company is None or text[1] == company]
        newest = list(dict.fromkeys(NUMBERS[sender] for sender, _, _ in reversed(seen)))
        found: list[tuple[str, int]] = []
        before: int | None = None
        with pytest.MonkeyPatch.context() as patch, played.store.lists.lend() as db:
            patch.setattr(conversations, "WINDOW", window)
            while True:
                part = conversations.correspondents(db, company, before, limit)
                found += [(each.newest.record.sender, each.unread) for each in part.rows]
                before = part.before_id
                if before is None:
                    break
        unread = {
            number: sum(NUMBERS[sender] == number and not read for sender, _, read in seen)
            for number in NUMBERS
        }
        assert found == [(number, unread[number]) for number in newest]


def test_a_search_stops_after_some_texts_and_goes_on(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(played, [(0, None, False)] * 20)
    monkeypatch.setattr(conversations, "WINDOW", 3)
    monkeypatch.setattr(conversations, "MOST_SEARCHED", 6)
    with played.store.lists.lend() as db:
        part = conversations.search(db, None, "nothing", None, 10)
        assert (part.rows, part.before_id is None) == ([], False)
        again = conversations.search(db, None, "SALUT", part.before_id, 10)
        assert len(again.rows) == 6
        assert all(each.record.id < (part.before_id or 0) for each in again.rows)


def test_signs_of_a_pattern_are_searched_as_they_are(played: PlayedGateway) -> None:
    fill(played, [(0, None, False)])
    with played.store.lists.lend() as db:
        for words in ("%", "_", "\\", "s%t"):
            assert conversations.search(db, None, words, None, 10).rows == []


def test_texts_are_marked_up_to_the_one_that_was_seen(played: PlayedGateway) -> None:
    fill(played, [(0, 1, False), (0, 2, False), (0, 1, False)])
    ids = [row[0] for row in played.store.write(lambda db: db.execute("SELECT id FROM inbox").fetchall())]
    assert not played.store.write(lambda db: conversations.mark_some_read(db, 1, NUMBERS[0], ids[1]))
    rows = played.store.write(lambda db: db.execute("SELECT read FROM inbox ORDER BY id").fetchall())
    assert [row[0] for row in rows] == [1, 0, 0]


def test_the_messages_to_a_number_are_those_of_the_company(played: PlayedGateway) -> None:
    sent = [played.send(f"message {n}", recipient="+22370123499") for n in range(3)]
    with played.store.readers.lend() as db:
        found = conversations.messages_to(db, None, "+22370123499", None, 2)
        assert [each.record.sms_id for each in found] == sent[:0:-1]
        rest = conversations.messages_to(db, played.company, "+22370123499", found[-1].id, 2)
        assert [each.record.sms_id for each in rest] == sent[:1]
        assert conversations.messages_to(db, played.company + 1, "+22370123499", None, 2) == []


def test_no_statement_reads_a_whole_table(played: PlayedGateway) -> None:
    statements: list[str] = []
    with played.store.lists.lend() as db:
        sqlite(db).set_trace_callback(statements.append)
        try:
            for company in (None, 1):
                conversations.correspondents(db, company, None, 5)
                conversations.search(db, company, "salut", None, 5)
                conversations.texts(db, company, NUMBERS[0], None, 5)
                conversations.messages_to(db, company, "+22370123499", None, 5)
                conversations.unread(db, company, NUMBERS[0])
        finally:
            sqlite(db).set_trace_callback(None)
        steps = [
            row["detail"]
            for statement in dict.fromkeys(statements)
            for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    read_whole = [step for step in steps if step.startswith("SCAN")]
    assert {step.split()[1] for step in read_whole} <= {"CONSTANT", "json_each"}
    assert any("inbox_sender" in step for step in steps)
    assert any("inbox_unread" in step for step in steps)
    assert pagination.WINDOW <= conversations.MOST_SEARCHED
