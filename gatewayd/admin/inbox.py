"""Received texts: `gatewayd inbox` lists them and the PDUs that could not be decoded; the dashboard answers them."""

from __future__ import annotations

from gatewayd.admin import messages
from gatewayd.admin.context import Context, Id, Microseconds, one_company
from gatewayd.errors import AdminError, SimUnavailableError
from gatewayd.store.tables import conversations, inbound, sims
from gatewayd.store.tables.inbound import NewestFilter, NewText
from gatewayd.timekeeping.clock import iso

_DEFAULT_LIMIT = 20
_MOST = 10_000


def list_(
    context: Context,
    limit: int = _DEFAULT_LIMIT,
    sender: str | None = None,
    sim: Id | None = None,
    company: Id | None = None,
    since: Microseconds | None = None,
    until: Microseconds | None = None,
    contains: str | None = None,
) -> list[dict[str, object]]:
    """List the newest texts on all SIMs, newest first. `sender`: a number in any form, or a name. since ≤ received < until."""
    wanted = NewestFilter(_sender(context, sender), sim, company, since, until, contains)
    with context.shared.lists.lend() as db:
        rows = inbound.newest(db, wanted, _bounded(limit))
    return [_shown(row) for row in rows]


def unreadable(context: Context, limit: int = _DEFAULT_LIMIT) -> list[dict[str, object]]:
    """List the newest PDUs that could not be decoded, newest first, as the modem delivered them."""
    with context.store.readers.lend() as db:  # of this box: no other one has its modems
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


def _sender(context: Context, sender: str | None) -> str | None:
    """A sender as it is stored: a number in E.164, other senders as they are."""
    try:
        return None if sender is None else context.numbering.e164(sender)
    except ValueError:
        return sender


def mark_read(context: Context, sender: str, until: Id, company: Id | None = None) -> dict[str, object]:
    """Mark the texts from a number as read, up to the one with the id `until`. `company` None: those of all companies."""
    while context.shared.write(lambda db: conversations.mark_some_read(db, company, sender, until)):
        pass
    return {"sender": sender, "until": until}


def reply(context: Context, recipient: str, text: str, company: Id | None = None) -> dict[str, object]:
    """Send a message for a company to a number that sent a text: from the SIM that received the text, if it can send now.

    `company` None: the first active one.
    """
    company_id = one_company(context, company)
    sim = _sim_of_newest(context, recipient, company_id)
    try:
        return messages.send(context, recipient, text, company_id, sim, wait_s=0.0)
    except AdminError as error:
        if sim is None or not isinstance(error.__cause__, SimUnavailableError):
            raise
    return messages.send(context, recipient, text, company_id, wait_s=0.0)


def _sim_of_newest(context: Context, sender: str, company: int) -> int | None:
    """The SIM that received the newest text from a number; None: the company may not use it, or there is no text."""
    with context.shared.readers.lend() as db:
        newest = conversations.newest_text(db, None, sender)
        sim = None if newest is None else sims.at_work(db, newest.record.sim_id)
    return sim.id if sim is not None and sim.enabled and sim.company_id in (None, company) else None


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
