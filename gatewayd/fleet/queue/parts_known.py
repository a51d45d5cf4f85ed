"""The knowledge of the fleet about the parts of messages: which are sent, and how often each was tried."""

from __future__ import annotations

from collections.abc import Mapping

from gatewayd.fleet.queue.names import KnownPart
from gatewayd.fleet.queue.sets import as_rows, columns, fetch
from gatewayd.store import Transaction

# Tokens of parts count up at each box; here they also tell whose they are.
_BOXES = 1024

_PARTS = as_rows("""
    SELECT p.message_id, p.seq, CASE WHEN s.seq IS NULL THEN 0 ELSE 1 END AS sent, s.reference, s.sent_at,
        greatest(p.token, (SELECT max(r.token) FROM refusals r WHERE r.message_id = p.message_id AND r.seq = p.seq)) AS token,
        p.attempts
    FROM unnest(?::bigint[], ?::bigint[]) AS e (message_id, sim_id)
    JOIN parts p ON p.message_id = e.message_id
    LEFT JOIN sent_parts s ON s.message_id = p.message_id AND s.seq = p.seq AND s.sim_id = e.sim_id
    ORDER BY p.message_id, p.seq
""")


def of(db: Transaction, sims: Mapping[int, int]) -> dict[int, tuple[KnownPart, ...]]:
    """The parts of messages (by id, with the SIM that has each), in order."""
    found: dict[int, list[KnownPart]] = {message_id: [] for message_id in sims}
    if sims:
        for row in fetch(db, _PARTS, columns(sorted(sims.items()), 2)):
            found[row["message_id"]].append(
                KnownPart(
                    row["seq"],
                    bool(row["sent"]),
                    row["reference"],
                    row["sent_at"],
                    row["token"] // _BOXES,
                    row["attempts"],
                )
            )
    return {message_id: tuple(parts) for message_id, parts in found.items()}


def fleet_token(token: int, number: int) -> int:
    """The token of a box with this number as the fleet keeps it. A later submission has a higher one."""
    return token * _BOXES + number % _BOXES
