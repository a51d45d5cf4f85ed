"""A box that joins others gets new ids where its own are taken, in every row that names them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts, membership
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
