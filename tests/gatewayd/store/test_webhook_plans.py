"""The statements on deliveries read only what they need, however many deliveries there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.records import Audience
from gatewayd.store.engine.connection import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import deliveries, webhooks
from gatewayd.store.tables.deliveries import Delivery
from tests.sqlite import sqlite


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "gatewayd.db")
    store.open()
    yield store
    store.close()


def work(db: Transaction) -> None:
    """Every statement of the daily work."""
    ever = (0, 2**62)
    deliveries.keep(db, 1, Delivery(1, "pending", 1, 5, ()))
    deliveries.keep_body(db, 1, 1, b"x")
    deliveries.body(db, 1, 1)
    deliveries.due(db, 1, 10, 100, 10)
    deliveries.next_due(db, 1)
    deliveries.oldest_pending(db, 1)
    deliveries.queue_missed(db, 1, 1, 10)
    deliveries.queue_failed(db, 1, ever, ever, 10)
    for state in ("pending", "failed", "delivered", None):
        deliveries.page(db, 1, state, None, 10)
    deliveries.waiting(db, Audience(1), None, 5, None, 10)
    deliveries.drop_old(db, 1, 5, 10)
    deliveries.owners(db)
    deliveries.drop_all(db, 1, 10)
    deliveries.drop(db, 1, 1)
    webhooks.kinds(db, 5, 10)
    webhooks.advance(db, [(5, 1)])
    webhooks.find(db, 1)


def test_no_statement_reads_all_deliveries_or_events_and_open_ones_are_found_by_their_index(
    store: Store,
) -> None:
    said: list[str] = []

    def run(db: Transaction) -> None:
        sqlite(db).set_trace_callback(said.append)
        work(db)
        sqlite(db).set_trace_callback(None)

    store.write(run)
    with store.readers.lend() as db:
        plans = [
            (statement, row["detail"])
            for statement in said
            if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))
            for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    assert len(plans) > 20
    small = ("SCAN event_eras", "SCAN CONSTANT ROW")
    assert [plan for plan in plans if plan[1].startswith("SCAN") and plan[1] not in small] == []
    for state in ("pending", "failed"):
        used = {step for statement, step in plans if f"d.state = '{state}'" in statement}
        assert any("deliveries_open" in step or "deliveries_due" in step for step in used)
        assert not [step for step in used if "PRIMARY KEY" in step and "SEARCH d USING" in step]
