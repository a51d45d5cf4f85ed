"""Loop tests: texts that the gateway sends from one of its SIMs to another, with their outcome."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.records import LoopTestRecord
from gatewayd.store.engine.connection import Connection

# So many tests are kept, and the last one of each SIM. Their texts may still come, and do not belong in the inbox.
_REMEMBERED = 1000

# The columns of `LoopTest` and of its `LoopTestRecord`, in their order.
_TEST = """
    SELECT l.id, l.arrived_sim, m.status, m.sent_at IS NOT NULL,
           EXISTS (SELECT 1 FROM parts p WHERE p.message_id = m.id AND p.attempts > 0),
           l.from_sim, a.port, a.slot, l.to_sim, b.port, b.slot, l.started_at, l.outcome, l.submit_s, l.arrive_s,
           l.report_s, l.sms_id, m.failure_reason, l.detail, l.detail_fr
    FROM loop_tests l LEFT JOIN messages m ON m.sms_id = l.sms_id
    JOIN sims a ON a.id = l.from_sim JOIN sims b ON b.id = l.to_sim
"""


@dataclass(frozen=True, slots=True)
class LoopTest:
    """A loop test with the state of its message."""

    id: int
    arrived_sim: int | None  # the SIM that its text came in on
    message_status: str | None  # None: it has no message
    taken: int  # the network took the message
    tried: int  # a modem was given the message
    record: LoopTestRecord


@dataclass(frozen=True, slots=True)
class Arrival:
    """A loop test whose text came in."""

    sms_id: str | None


def begin(db: Connection, token: str, sms_id: str | None, from_sim: int, to_sim: int, now: int) -> int:
    """Begin a test; its id. Old tests are deleted."""
    row = db.execute(
        "INSERT INTO loop_tests (token, sms_id, from_sim, to_sim, started_at) VALUES (?, ?, ?, ?, ?) RETURNING id",
        (token, sms_id, from_sim, to_sim, now),
    ).fetchone()
    test_id: int = row[0]
    db.execute(
        "DELETE FROM loop_tests WHERE id <= ? AND id NOT IN (SELECT max(id) FROM loop_tests GROUP BY from_sim)",
        (test_id - _REMEMBERED,),
    )
    return test_id


def arrived(db: Connection, token: str, sim_id: int) -> Arrival | None:
    """Note that the text with this token came in on a SIM; None where no test has it. The first arrival counts."""
    row = db.execute(
        "UPDATE loop_tests SET arrived_sim = coalesce(arrived_sim, ?) WHERE token = ? RETURNING sms_id",
        (sim_id, token),
    ).fetchone()
    return None if row is None else Arrival(*row)


def note(
    db: Connection,
    test_id: int,
    *,
    submit_s: float | None,
    arrive_s: float | None,
    report_s: float | None,
    outcome: str,
    detail: str,
    detail_fr: str,
) -> None:
    """Update the times and the outcome of a test."""
    db.execute(
        "UPDATE loop_tests SET submit_s = ?, arrive_s = ?, report_s = ?, outcome = ?, detail = ?, detail_fr = ? WHERE id = ?",
        (submit_s, arrive_s, report_s, outcome, detail, detail_fr, test_id),
    )


def interrupt(db: Connection, but: list[int], detail: str, detail_fr: str) -> None:
    """End the running tests except these, because an earlier process left them."""
    marks = ", ".join("?" * len(but))
    db.execute(
        "UPDATE loop_tests SET outcome = 'interrupted', detail = ?, detail_fr = ?"
        f" WHERE outcome = 'running' AND id NOT IN ({marks})",
        (detail, detail_fr, *but),
    )


def some(db: Connection, ids: list[int]) -> list[LoopTest]:
    """Tests by their ids."""
    marks = ", ".join("?" * len(ids))
    found = db.execute(f"{_TEST} WHERE l.id IN ({marks}) ORDER BY l.id", ids)
    return [LoopTest(row[0], row[1], row[2], row[3], row[4], LoopTestRecord(*row[5:])) for row in found]


def last(db: Connection) -> list[LoopTestRecord]:
    """The last test of each SIM, as it is shown."""
    found = db.execute(
        f"{_TEST} WHERE l.id IN (SELECT max(id) FROM loop_tests GROUP BY from_sim) ORDER BY a.port, a.slot, l.id"
    )
    return [LoopTestRecord(*row[5:]) for row in found]


def newest_first(db: Connection, limit: int) -> list[LoopTestRecord]:
    """The newest tests, newest first."""
    found = db.execute(f"{_TEST} ORDER BY l.id DESC LIMIT ?", (limit,))
    return [LoopTestRecord(*row[5:]) for row in found]


def expected(db: Connection, sim_id: int) -> bool:
    """Whether the text of a running test has yet to come in on this SIM."""
    row = db.execute(
        "SELECT 1 FROM loop_tests WHERE outcome = 'running' AND to_sim = ? AND arrived_sim IS NULL LIMIT 1",
        (sim_id,),
    ).fetchone()
    return row is not None


def newest(db: Connection) -> int | None:
    """The time at which the newest test began; None without any."""
    started_at: int | None = db.execute("SELECT max(started_at) FROM loop_tests").fetchone()[0]
    return started_at
