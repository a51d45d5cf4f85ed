"""The rows that a box takes along when it leaves a fleet, beside the copies that it has: opt-outs, used quotas, and places of webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables.joining_rows import Rows

OPT_OUT_COLUMNS = (
    *("company_id", "recipient", "sandbox", "opted_out_at", "source", "reason", "text"),
    *("ended_at", "ended_source", "ended_text", "confirmed_at"),
)
"""The columns of an opt-out that mean the same at every box."""


def keep_usage(db: Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Keep (company, month, used): what the whole fleet used of the quotas."""
    db.executemany(
        "INSERT INTO company_usage (company_id, month, used) VALUES (?, ?, ?)"
        " ON CONFLICT (company_id, month) DO UPDATE SET used = excluded.used",
        rows,
    )


def keep_opt_outs(db: Connection, rows: Rows) -> None:
    """Put the opt-outs of the fleet in place of those that this box had."""
    db.execute("DELETE FROM opt_outs")
    names, marks = ", ".join(OPT_OUT_COLUMNS), ", ".join("?" * len(OPT_OUT_COLUMNS))
    db.executemany(
        f"INSERT INTO opt_outs ({names}) VALUES ({marks})",
        [[row[name] for name in OPT_OUT_COLUMNS] for row in rows],
    )


def begin_webhooks(db: Connection) -> None:
    """Have each webhook go on from now: the events of the fleet are not those of this box."""
    db.execute("DELETE FROM deliveries")
    db.execute("DELETE FROM delivery_bodies")
    db.execute("DELETE FROM webhook_progress")
    db.execute(
        "INSERT INTO webhook_progress (webhook_id, position)"
        " SELECT id, (SELECT coalesce(max(id), 0) FROM events) FROM webhooks"
    )
