"""`gatewayd inbox`: list the received texts, and the PDUs that could not be decoded."""

from __future__ import annotations

from gatewayd.admin.context import Context
from gatewayd.store.tables import inbound
from gatewayd.store.tables.inbound import NewText
from gatewayd.timekeeping.clock import iso

_DEFAULT_LIMIT = 20
_MOST = 10_000


def list_(context: Context, limit: int = _DEFAULT_LIMIT) -> list[dict[str, object]]:
    """List the newest texts on all SIMs, newest first."""
    with context.store.readers.lend() as db:
        rows = inbound.newest(db, _bounded(limit))
    return [_shown(row) for row in rows]


def unreadable(context: Context, limit: int = _DEFAULT_LIMIT) -> list[dict[str, object]]:
    """List the newest PDUs that could not be decoded, newest first, as the modem delivered them."""
    with context.store.readers.lend() as db:
        rows = inbound.newest_unreadable(db, _bounded(limit))
    return [
        {
            "id": row.id,
            "received_at": iso(row.received_at),
            "sim": row.sim_id,
            "port": row.port,
            "slot": row.slot,
            "sim_number": row.sim_number,
            "reason": row.reason,
            "pdu": row.pdu,
        }
        for row in rows
    ]


def _bounded(limit: int) -> int:
    return max(1, min(limit, _MOST))


def _shown(row: NewText) -> dict[str, object]:
    return {
        "id": row.id,
        "received_at": iso(row.received_at),
        "sent_at": None if row.sent_at is None else iso(row.sent_at),
        "sim": row.sim_id,
        "port": row.port,
        "sim_number": row.sim_number,
        "company": row.company_id,
        "sender": row.sender,
        "incomplete": bool(row.incomplete),
        "kind": row.kind,
        "encoding": row.encoding,
        "port_number": row.port_number,
        "message": row.text,
    }
