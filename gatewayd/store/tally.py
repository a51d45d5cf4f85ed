"""What has become of messages and parts since the start, counted with the very transactions that wrote it down.

As for the queues (see `load`): a temporary table in memory, which triggers keep in step and which rolls back with
whatever did not happen. So the figures are exact and cost no wear. They begin at 0 with each start.
"""

from __future__ import annotations

from gatewayd.store.database import Connection, Row

# What is counted: the event, the statement that makes it happen, and which of its rows are meant.
_EVENTS = (
    ("part_sent", "UPDATE OF state ON main.parts", "new.state = 'submitted' AND old.state <> 'submitted'"),
    ("part_in_doubt", "UPDATE OF state ON main.parts", "new.state = 'in_doubt' AND old.state <> 'in_doubt'"),
    ("part_delivered", "UPDATE OF state ON main.parts", "new.state = 'delivered' AND old.state <> 'delivered'"),
    ("part_undelivered", "UPDATE OF state ON main.parts", "new.state = 'failed' AND old.state = 'submitted'"),
    ("part_refused", "INSERT ON main.refusals", "true"),
    ("message_accepted", "INSERT ON main.messages", "true"),
    ("message_sent", "UPDATE OF status ON main.messages", "new.status = 'sent' AND old.status <> 'sent'"),
    ("message_delivered", "UPDATE OF status ON main.messages", "new.status = 'delivered' AND old.status <> 'delivered'"),
    ("message_failed", "UPDATE OF status ON main.messages", "new.status = 'failed' AND old.status <> 'failed'"),
    ("message_cancelled", "UPDATE OF status ON main.messages", "new.status = 'cancelled' AND old.status <> 'cancelled'"),
    ("text_received", "INSERT ON main.inbox", "true"),
)  # fmt: skip

EVENTS = tuple(event for event, _, _ in _EVENTS)
"""The names of all that is counted."""


def install_tally_triggers(db: Connection) -> None:
    """Count from here on. For the writing connection alone."""
    db.execute(
        "CREATE TEMP TABLE tally (event TEXT, sim_id INTEGER, port INTEGER, slot INTEGER, cause TEXT,"
        " count INTEGER NOT NULL, PRIMARY KEY (event, sim_id, port, slot, cause)) WITHOUT ROWID"
    )
    for event, statement, meant in _EVENTS:
        cause = "new.cause" if event == "part_refused" else "''"
        db.execute(
            f"CREATE TEMP TRIGGER tally_{event} AFTER {statement} WHEN {meant} BEGIN"
            f" INSERT INTO tally SELECT '{event}', id, port, slot, {cause}, 1 FROM main.sims WHERE id = new.sim_id"
            "  ON CONFLICT DO UPDATE SET count = count + 1; END"
        )


def read(db: Connection) -> list[Row]:
    """All counts, as `event`, `sim_id`, `port` and `slot` (where the SIM was then), `cause` of a refusal, and `count`."""
    return db.execute("SELECT * FROM tally").fetchall()
