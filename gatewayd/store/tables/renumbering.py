"""New ids for companies, keys, SIMs and webhooks, wherever a row names them: of a box that joins others.

Message ids never change: those of a fleet begin above all that one box gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from gatewayd.store.engine.connection import Connection


class Kind(Enum):
    """The kinds of rows whose ids the boxes of a fleet share."""

    COMPANY = "company"
    KEY = "key"
    SIM = "sim"
    WEBHOOK = "webhook"


NewIds = Mapping[Kind, Mapping[int, int]]
"""The new id of each old one, by kind. An id that is not named stays as it is."""

COLUMNS: Final[Mapping[Kind, tuple[tuple[str, str], ...]]] = {
    Kind.COMPANY: (
        ("companies", "id"),
        ("api_keys", "company_id"),
        ("campaign_counts", "company_id"),
        ("company_usage", "company_id"),
        ("events", "company_id"),
        ("hourly_counts", "company_id"),
        ("inbox", "company_id"),
        ("messages", "company_id"),
        ("monthly_counts", "company_id"),
        ("opt_outs", "company_id"),
        ("parts", "company_id"),
        ("persons", "company_id"),
        ("sims", "company_id"),
        ("webhooks", "company_id"),
    ),
    Kind.KEY: (("api_keys", "id"), ("idempotency", "key_id"), ("webhooks", "key_id")),
    Kind.SIM: (
        ("sims", "id"),
        ("assemblies", "sim_id"),
        ("events", "sim_id"),
        ("former_numbers", "sim_id"),
        ("hourly_counts", "sim_id"),
        ("inbox", "sim_id"),
        ("learned_balances", "sim_id"),
        ("loop_tests", "from_sim"),
        ("loop_tests", "to_sim"),
        ("loop_tests", "arrived_sim"),
        ("messages", "sim_id"),
        ("monthly_counts", "sim_id"),
        ("parts", "sim_id"),
        ("refusals", "sim_id"),
        ("reports", "sim_id"),
        ("sim_balances", "sim_id"),
        ("sim_recipient_counts", "sim_id"),
        ("sim_recipients", "sim_id"),
        ("sim_usage", "sim_id"),
        ("unreadable", "sim_id"),
        ("ussd_answers", "sim_id"),
    ),
    Kind.WEBHOOK: (
        ("webhooks", "id"),
        ("deliveries", "webhook_id"),
        ("delivery_bodies", "webhook_id"),
        ("webhook_progress", "webhook_id"),
    ),
}
"""Each column that holds such an id."""


def renumber(db: Connection, new_ids: NewIds) -> None:
    """Give rows their new ids. Two old ids of a kind never get the same new one."""
    db.execute("CREATE TEMP TABLE new_ids (old INTEGER PRIMARY KEY, new INTEGER NOT NULL UNIQUE)")
    for kind, columns in COLUMNS.items():
        db.executemany("INSERT INTO new_ids VALUES (?, ?)", new_ids.get(kind, {}).items())
        for table, column in columns:
            # Through negative ids: a new id may be the old one of another row.
            db.execute(
                f"UPDATE {table} SET {column} = -(SELECT new FROM new_ids WHERE old = {column})"
                f" WHERE {column} IN (SELECT old FROM new_ids WHERE old <> new)"
            )
            db.execute(f"UPDATE {table} SET {column} = -{column} WHERE {column} < 0")
        db.execute("DELETE FROM new_ids")
    db.execute("DROP TABLE new_ids")
