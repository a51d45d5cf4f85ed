"""What has become of messages and parts since the start, counted with the very transactions that wrote it down.

As for the queues (see `load`): a temporary table in memory, which triggers keep in step and which rolls back with
whatever did not happen. So the figures are exact and cost no wear. They begin at 0 with each start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection

# What is counted: the event, the statement that makes it happen, and which of its rows are meant. A row is one event at most.
_EVENTS = (
    ("part_sent", "UPDATE OF state ON main.parts", "new.state = 'submitted' AND old.state <> 'submitted'"),
    ("part_in_doubt", "UPDATE OF state ON main.parts", "new.state = 'in_doubt' AND old.state <> 'in_doubt'"),
    ("part_delivered", "UPDATE OF state ON main.parts", "new.state = 'delivered' AND old.state <> 'delivered'"),
    ("part_undelivered", "UPDATE OF state ON main.parts", "new.state = 'failed' AND old.state = 'submitted'"),
    ("part_refused", "INSERT ON main.refusals", "new.outcome = 'refused'"),
    ("message_sent", "UPDATE OF status ON main.messages", "new.status = 'sent' AND old.status <> 'sent'"),
    ("message_delivered", "UPDATE OF status ON main.messages", "new.status = 'delivered' AND old.status <> 'delivered'"),
    ("message_failed", "UPDATE OF status ON main.messages", "new.status = 'failed' AND old.status <> 'failed'"),
    ("message_cancelled", "UPDATE OF status ON main.messages", "new.status = 'cancelled' AND old.status <> 'cancelled'"),
    ("text_received", "INSERT ON main.inbox", "true"),
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
"""Counted by `accepted`, not by a trigger: one for each row would double what keeping a bulk costs."""

DISCARDED = "text_discarded"
"""Counted by `discarded`: what is no text leaves no row."""

EVENTS = (ACCEPTED, DISCARDED, *(event for event, _, _ in _EVENTS))
"""The names of all that is counted."""

# A SIM always has its place; but to count must never be what makes a write fail.
_COUNT = (
    "INSERT INTO tally VALUES ({event}, {sim}, coalesce((SELECT port FROM main.sims WHERE id = {sim}), 0),"
    " coalesce((SELECT slot FROM main.sims WHERE id = {sim}), 0), {cause}, {count})"
    " ON CONFLICT DO UPDATE SET count = count + excluded.count"
)

_COUNT_DISCARDED = _COUNT.format(event=f"'{DISCARDED}'", sim=":sim", cause=":kind", count=1)

_COUNT_ACCEPTED = _COUNT.format(event=f"'{ACCEPTED}'", sim=":sim", cause="''", count=":count")


def install_event_counts(db: Connection) -> None:
    """Count from here on. For the writing connection alone."""
    db.execute(
        "CREATE TEMP TABLE tally (event TEXT, sim_id INTEGER, port INTEGER, slot INTEGER, cause TEXT,"
        " count INTEGER NOT NULL, PRIMARY KEY (event, sim_id, port, slot, cause)) WITHOUT ROWID"
    )
    # SQLite begins each trigger of a statement for each row, whatever its WHEN says: so there is one for all its events.
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
    """Messages were kept, each for one of these SIMs. It counts with the transaction, as everything here."""
    db.executemany(
        _COUNT_ACCEPTED,
        [{"sim": sim_id, "count": count} for sim_id, count in Counter(sim_ids).items()],
    )


def discarded(db: Connection, sim_id: int, kind: str) -> None:
    """What came in on a SIM was no text. It counts with the transaction, as everything here."""
    db.execute(_COUNT_DISCARDED, {"sim": sim_id, "kind": kind})


def read(db: Connection) -> list[EventCount]:
    """All counts since the start."""
    return [
        EventCount(*row) for row in db.execute("SELECT event, sim_id, port, slot, cause, count FROM tally")
    ]
