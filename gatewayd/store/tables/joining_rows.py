"""The rows that a box brings into a fleet, each as a dictionary by column name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import hourly_counts

Rows = list[dict[str, Any]]

TABLES: Final = (
    "companies",
    "company_usage",
    "api_keys",
    "opt_outs",
    "sims",
    "sim_usage",
    "sim_recipients",
    "sim_recipient_counts",
    "webhooks",
    "hourly_counts",
    "monthly_counts",
)
"""The tables whose rows come along; those that other rows refer to come first."""


def count_all(db: Connection, month_of: Callable[[int], str]) -> None:
    """Add to the counts of hours and months what is not added yet."""
    while hourly_counts.add_new(db, month_of):
        pass


def all_of(db: Connection, table: str) -> Rows:
    """All rows of one of `TABLES`; of the SIMs, those of this box."""
    if table not in TABLES:
        raise ValueError(table)
    own = " WHERE box IS NULL" if table == "sims" else ""
    order = " ORDER BY id" if table in ("companies", "api_keys", "opt_outs", "sims", "webhooks") else ""
    cursor = db.execute(f"SELECT * FROM {table}{own}{order}")
    return [{name: row[name] for name in row.keys()} for row in cursor]  # noqa: SIM118 - of sqlite3.Row
