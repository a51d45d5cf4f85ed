"""A box that joins others gets new ids where its own are taken, in every row that names them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts, hourly_counts, membership
from gatewayd.store.tables.pagination import newest_first
from gatewayd.store.tables.renumbering import COLUMNS, Kind, renumber
from tests.gatewayd.empty_database import write_empty_database

# Columns that hold such an id, by their names. `sims.box`, `box` of webhooks and the like are no ids.
_NAMES = {
    Kind.COMPANY: r"company_id",
    Kind.KEY: r"key_id",
    Kind.SIM: r"sim_id|from_sim|to_sim|arrived_sim",
    Kind.WEBHOOK: r"webhook_id",
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    path = tmp_path / "gatewayd.db"
    write_empty_database(path)
    return Store(path)


def columns(db: Transaction, names: str) -> set[tuple[str, str]]:
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {
        (table, row["name"])
        for table in tables
        for row in db.execute(f"PRAGMA table_info({table})")
        if re.fullmatch(names, row["name"])
    }


def test_every_column_with_such_an_id_is_known(store: Store) -> None:
    store.open()
    try:
        with store.readers.lend() as db:
            for kind, names in _NAMES.items():
                assert {each for each in COLUMNS[kind] if each[1] != "id"} == columns(db, names)
    finally:
        store.close()


def test_two_companies_exchange_their_ids(store: Store) -> None:
    store.open()
    try:

        def change(db: Transaction) -> None:
            first, second = (accounts.add_company(db, name, None, 1) for name in ("A", "B"))
            for company, digest in ((first, b"a"), (second, b"b")):
                accounts.add_key(db, company, "gw_", digest, "sms", admin=False, expires_at=None, now=1)
                accounts.use(db, company, "2026-12", company)
            renumber(db, {Kind.COMPANY: {first: second, second: first}, Kind.KEY: {1: 1, 2: 7}})

        store.write(change)
        with store.readers.lend() as db:
            assert [(row.id, row.name, row.used) for row in accounts.companies(db, "2026-12")] == [
                (1, "B", 2),
                (2, "A", 1),
            ]
            assert [(row.id, row.company_id) for row in accounts.keys(db)] == [(1, 2), (7, 1)]
    finally:
        store.close()


def test_an_untouched_box_has_joined_nothing_and_has_nothing_unfinished(store: Store) -> None:
    store.open()
    try:
        with store.readers.lend() as db:
            assert membership.joined_as(db) is None
            assert membership.unfinished(db) == membership.Unfinished(0, 0, 0)
            assert not membership.unfinished(db).any_message
        store.write(lambda db: membership.note_joined(db, "bamako-1"))
        with store.readers.lend() as db:
            assert membership.joined_as(db) == "bamako-1"
    finally:
        store.close()


def test_lists_and_counts_step_over_the_gap_below_the_ids_of_a_fleet(store: Store) -> None:
    store.open()
    try:

        def add(db: Transaction) -> None:
            for number in (1, 2, 10**12 + 1, 10**12 + 2):
                db.execute(
                    "INSERT INTO messages (id, sms_id, task_id, company_id, recipient, text, priority, pinned, sim_id, parts,"
                    " unsent, undelivered, cost, taken_day, day, created_at)"
                    " VALUES (?, ?, 1, 1, '', '', 1, 0, 1, 1, 0, 0, 0, '2026-11-30', '2026-11-30', 1)",
                    (number, str(number)),
                )
            accounts.add_company(db, "A", None, 1)

        store.write(add)
        assert store.write(lambda db: hourly_counts.add_new(db, lambda _: "2026-11"))
        assert not store.write(lambda db: hourly_counts.add_new(db, lambda _: "2026-11"))
        with store.readers.lend() as db:
            assert [row.counts.accepted for row in hourly_counts.by_hour(db, 0, 1)] == [4]
            found = newest_first(
                db,
                "messages",
                None,
                9,
                lambda first, end, limit: db.execute(
                    "SELECT id FROM messages WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?",
                    (first, end, limit),
                ).fetchall(),
            )
        assert [row[0] for row in found] == [10**12 + 2, 10**12 + 1, 2, 1]
    finally:
        store.close()
