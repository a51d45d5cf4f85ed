"""The counts of campaigns are those that a count of all messages gives, after everything that happens to messages."""

from __future__ import annotations

import random
from pathlib import Path

from sqlite_utils import Database

from gatewayd.admin.sims import set_
from gatewayd.records import Caller, Draft, Options
from gatewayd.store.engine.connection import Connection
from gatewayd.store.migrations import migrations
from gatewayd.store.tables import accounts
from gatewayd.timekeeping.clock import SECOND
from modem.errors import Kind
from modem.parts import Submission, Submitted
from tests.gatewayd.played_ports import A, B, PlayedGateway, administration_context, refused

COUNTED = (
    "SELECT company_id, campaign_id, sandbox, pending, sent, delivered, failed, cancelled, parts, round(cost, 6)"
    " FROM campaign_counts ORDER BY 1, 2, 3"
)
SCANNED = (
    "SELECT company_id, campaign_id, sandbox, sum(status = 'pending'), sum(status = 'sent'), sum(status = 'delivered'),"
    " sum(status = 'failed'), sum(status = 'cancelled'), sum(parts), round(sum(cost), 6)"
    " FROM messages WHERE campaign_id IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)


def counted(played: PlayedGateway) -> list[tuple[object, ...]]:
    """The counts, which are those of all messages at the same moment."""

    def both(db: Connection) -> list[list[tuple[object, ...]]]:
        return [[tuple(row) for row in db.execute(statement)] for statement in (COUNTED, SCANNED)]

    found, scanned = played.store.write(both)
    assert found == scanned
    return found


def test_the_counts_are_exact_whatever_happens(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    played = PlayedGateway(tmp_path, ports=2)
    try:
        played.up(1, A)
        played.up(2, B)
        set_(administration_context(played), played.sim(A), {"cost": 1.5})
        other = played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
        kept: list[tuple[Caller, str]] = []
        flying: dict[int, Submission | None] = {1: None, 2: None}
        for step in range(200):
            played.clock.at += SECOND
            port = chance.choice((1, 2))
            match chance.randrange(4):
                case 0 | 1:
                    company = chance.choice((played.company, other))
                    caller = Caller(0, company, admin=True, sandbox=chance.random() < 0.2)
                    options = Options(
                        campaign_id=chance.choice((1, 2, None)),
                        send_at=chance.choice((None, played.clock.at + 5 * SECOND)),
                    )
                    draft = Draft(f"+22370{step:06d}", "x" * chance.choice((10, 200)))
                    record, _ = played.gateway.submit(caller, draft, options, None, 0)
                    kept.append((caller, record.sms_id))  # type: ignore[union-attr]
                case 2:
                    sent = flying[port]
                    outcome = chance.choice((Submitted(step), Submitted(step), refused(Kind.RECIPIENT)))
                    then = played.next(port) if sent is None else played.settle(port, sent, outcome)
                    flying[port] = then if isinstance(then, Submission) else None
                case _ if kept:
                    caller, sms_id = kept.pop(chance.randrange(len(kept)))
                    if (
                        played.gateway.status(caller, sms_id).status.value == "pending"
                        and chance.random() < 0.3
                    ):
                        played.store.write(lambda db, sms_id=sms_id: _end(db, sms_id))  # type: ignore[misc]
            counted(played)
        found = counted(played)
        assert len(found) > 3
        assert [any(row[column] for row in found) for column in range(3, 10)] == [True] * 7
        played.store.write(lambda db: db.execute("DELETE FROM messages WHERE campaign_id = 1"))
        assert {row[1] for row in counted(played)} == {2}
    finally:
        played.close()


def _end(db: Connection, sms_id: str) -> None:
    db.execute("UPDATE messages SET status = 'cancelled' WHERE sms_id = ?", (sms_id,))


def test_a_migration_counts_the_messages_that_were_there() -> None:
    with Database(memory=True) as database:
        pending = [migration.name for migration in migrations.pending(database)]
        migrations.apply(database, stop_before=pending[pending.index("m031_searches")])
        for number, (campaign, status) in enumerate(
            [(5, "sent"), (5, "failed"), (None, "sent"), (3, "pending")]
        ):
            row = {"sms_id": f"s{number}", "company_id": 1, "status": status, "parts": 2, "cost": 0.5}
            _insert(database, row | {"campaign_id": campaign})
        migrations.apply(database)
        assert database.execute(COUNTED).fetchall() == database.execute(SCANNED).fetchall()
        order = database.execute("SELECT campaign_id FROM campaign_counts ORDER BY id").fetchall()
        assert order == [(5,), (3,)]


def _insert(database: Database, row: dict[str, object]) -> None:
    """Insert a message; the columns without a default that `row` lacks are 0."""
    needed = [
        name
        for _, name, _, required, default, key in database.execute("PRAGMA table_info(messages)")
        if required and default is None and not key
    ]
    database["messages"].insert({**dict.fromkeys(needed, 0), **row})  # type: ignore[union-attr]
