"""Counts of events of messages and parts since the start.

As for the queues (see `queue_counts`), triggers keep a temporary table in memory. Counts roll back with their transaction, so
they are exact, and they cost no wear. They begin at 0 with each start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import engines

# Counted events: name, statement, and condition on its rows. A row is one event at most.
_EVENTS = (
    ("part_sent", "UPDATE OF state ON main.parts", "new.state = 'submitted' AND old.state <> 'submitted'"),
    ("part_in_doubt", "UPDATE OF state ON main.parts", "new.state = 'in_doubt' AND old.state <> 'in_doubt'"),
    ("part_delivered", "UPDATE OF state ON main.parts", "new.state = 'delivered' AND old.state <> 'delivered'"),
    ("part_undelivered", "UPDATE OF state ON main.parts", "new.state = 'failed' AND old.state = 'submitted'"),
    ("part_refused", "INSERT ON main.refusals", "new.outcome = 'refused'"),
    ("message_sent", "UPDATE OF status ON main.messages", "new.status = 'sent' AND old.status <> 'sent' AND NOT new.sandbox"),
    ("message_delivered", "UPDATE OF status ON main.messages", "new.status = 'delivered' AND old.status <> 'delivered' AND NOT new.sandbox"),
    ("message_failed", "UPDATE OF status ON main.messages", "new.status = 'failed' AND old.status <> 'failed' AND NOT new.sandbox"),
    ("message_cancelled", "UPDATE OF status ON main.messages", "new.status = 'cancelled' AND old.status <> 'cancelled' AND NOT new.sandbox"),
    ("text_received", "INSERT ON main.inbox", "NOT new.sandbox"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventCount:
    """How often something happened to a SIM in one place. `cause`: of a refusal, or the kind of a discarded text."""

    event: str
    sim_id: int
    port: int  # where the SIM was then
    slot: int
    cause: str
    count: int


ACCEPTED = "message_accepted"
"""Counted by `accepted`: a trigger for each row would double the cost of a bulk."""

DISCARDED = "text_discarded"
"""Counted by `discarded`: a discarded text has no row."""

EVENTS = (ACCEPTED, DISCARDED, *(event for event, _, _ in _EVENTS))
"""The names of all events."""

# Every SIM has a place; `coalesce` is there because a count must never make a write fail.
_COUNT = (
    "INSERT INTO tally VALUES ({event}, {sim}, coalesce((SELECT port FROM main.sims WHERE id = {sim}), 0),"
    " coalesce((SELECT slot FROM main.sims WHERE id = {sim}), 0), {cause}, {count})"
    " ON CONFLICT DO UPDATE SET count = count + excluded.count"
)

_COUNT_DISCARDED = _COUNT.format(event=f"'{DISCARDED}'", sim=":sim", cause=":kind", count=1)

_COUNT_ACCEPTED = _COUNT.format(event=f"'{ACCEPTED}'", sim=":sim", cause="''", count=":count")


def install_event_counts(db: Connection) -> None:
    """Make the counts, which begin at 0. For the writing connection only."""
    db.execute(
        "CREATE TEMP TABLE tally (event TEXT, sim_id INTEGER, port INTEGER, slot INTEGER, cause TEXT,"
        " count INTEGER NOT NULL, PRIMARY KEY (event, sim_id, port, slot, cause)) WITHOUT ROWID"
    )
    # SQLite starts each trigger of a statement for each row, whatever its WHEN condition. So a statement has one trigger for all its events.
    for number, statement in enumerate(dict.fromkeys(statement for _, statement, _ in _EVENTS)):
        events = {event: meant for event, on, meant in _EVENTS if on == statement}
        which = " ".join(f"WHEN {meant} THEN '{event}'" for event, meant in events.items())
        cause = "new.cause" if "part_refused" in events else "''"
        count = _COUNT.format(event=f"CASE {which} END", sim="new.sim_id", cause=cause, count=1)
        any_of_them = " OR ".join(f"({meant})" for meant in events.values())
        db.execute(
            f"CREATE TEMP TRIGGER tally_{number} AFTER {statement} WHEN {any_of_them} BEGIN {count}; END"
        )


def accepted(db: Connection, sim_ids: Iterable[int]) -> None:
    """Count accepted messages by their SIMs, within the transaction. Counts are of one box: none in a shared database."""
    if engines.is_shared(db):
        return
    db.executemany(
        _COUNT_ACCEPTED,
        [{"sim": sim_id, "count": count} for sim_id, count in Counter(sim_ids).items()],
    )


def discarded(db: Connection, sim_id: int, kind: str) -> None:
    """Count something that came in on a SIM and is no text, within the transaction."""
    db.execute(_COUNT_DISCARDED, {"sim": sim_id, "kind": kind})


def read(db: Connection) -> list[EventCount]:
    """All counts since the start."""
    return [
        EventCount(*row) for row in db.execute("SELECT event, sim_id, port, slot, cause, count FROM tally")
    ]
