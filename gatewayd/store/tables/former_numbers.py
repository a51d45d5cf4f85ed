"""The numbers that SIMs had before: what went out or came in under one is shown with it, whatever number the SIM has now."""

from __future__ import annotations

from gatewayd.store.engine.connection import Connection


def remember(db: Connection, sim_id: int, number: str, now: int) -> None:
    """A SIM has another number than this from now on."""
    db.execute(
        "INSERT INTO former_numbers (sim_id, number, changed_at, last_message, last_text)"
        " VALUES (?, ?, ?, (SELECT coalesce(max(id), 0) FROM messages), (SELECT coalesce(max(id), 0) FROM inbox))",
        (sim_id, number, now),
    )


def of_message(sim_id: str, message_id: str, when: str) -> str:
    """SQL for the number that a SIM had when it carried something of a message; NULL: the one that it has now.

    `when`: the moment, NULL for what still waits. Ids tell before and after however the clock is set; the moment counts for what
    waited during the change.
    """
    return (
        f"(SELECT n.number FROM former_numbers n WHERE n.sim_id = {sim_id} AND n.last_message >= {message_id}"
        f" AND n.changed_at >= {when} ORDER BY n.id LIMIT 1)"
    )


def of_text(sim_id: str, text_id: str) -> str:
    """The same, of a text that came in."""
    return (
        f"(SELECT n.number FROM former_numbers n WHERE n.sim_id = {sim_id} AND n.last_text >= {text_id}"
        " ORDER BY n.id LIMIT 1)"
    )
