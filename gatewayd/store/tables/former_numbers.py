"""Former numbers of SIMs: a message or text is shown with the number that its SIM had then."""

from __future__ import annotations

from gatewayd.store.engine.connection import Connection


def remember(db: Connection, sim_id: int, number: str, now: int) -> None:
    """Note that a SIM has lost this number."""
    db.execute(
        "INSERT INTO former_numbers (sim_id, number, changed_at, last_message, last_text)"
        " VALUES (?, ?, ?, (SELECT coalesce(max(id), 0) FROM messages), (SELECT coalesce(max(id), 0) FROM inbox))",
        (sim_id, number, now),
    )


def of_message(sim_id: str, message_id: str, when: str) -> str:
    """SQL for the number that a SIM had when it carried a message or part; NULL: the number that it has now.

    `when`: the time, NULL for a message that still waits. Ids give the order even if the clock was set; the time decides for
    a message that waited during the change.
    """
    return (
        f"(SELECT n.number FROM former_numbers n WHERE n.sim_id = {sim_id} AND n.last_message >= {message_id}"
        f" AND n.changed_at >= {when} ORDER BY n.id LIMIT 1)"
    )


def of_text(sim_id: str, text_id: str) -> str:
    """As `of_message`, of a text that came in."""
    return (
        f"(SELECT n.number FROM former_numbers n WHERE n.sim_id = {sim_id} AND n.last_text >= {text_id}"
        " ORDER BY n.id LIMIT 1)"
    )
