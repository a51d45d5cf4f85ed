"""`gatewayd message …` and `gatewayd send`: messages of every company."""

from __future__ import annotations

from functools import partial

from gatewayd.admin.context import AdminError, Context
from gatewayd.clock import iso
from gatewayd.errors import GatewayError
from gatewayd.store import accounts, messages
from gatewayd.store.pages import newest_first
from gatewayd.views import Caller, Draft, MessageView, Options, Priority, message_view

# What `message list` shows unless more is asked for: a screenful.
_SHOWN = 20


def list_(context: Context, status: str | None = None, limit: int = _SHOWN) -> list[dict[str, object]]:
    """The newest messages, without their texts."""
    find = partial(
        messages.page,
        company_id=None,
        status=status,
        campaign_id=None,
        recipient=None,
        since=None,
        until=None,
    )
    rows = newest_first(context.store.readers, "messages", None, max(1, min(limit, 10_000)), find)
    return [_shown(message_view(row), row["company_id"]) for row in rows]


def show(context: Context, sms_id: str) -> dict[str, object]:
    """One message, with its text."""
    with context.store.readers.lend() as db:
        row = messages.by_sms_id(db, sms_id)
    if row is None:
        raise AdminError(f"there is no message {sms_id}")
    view = message_view(row)
    return {**_shown(view, row["company_id"]), "message": view.text}


def cancel(context: Context, sms_id: str) -> dict[str, object]:
    """Cancel a message that no port has claimed yet."""
    with context.store.readers.lend() as db:
        row = messages.by_sms_id(db, sms_id)
    if row is None:
        raise AdminError(f"there is no message {sms_id}")
    try:
        context.running().cancel(Caller(0, row["company_id"], admin=True), sms_id)
    except GatewayError as error:
        raise AdminError(str(error)) from error
    return show(context, sms_id)


def send(
    context: Context,
    recipient: str,
    text: str,
    company: int | None = None,
    sim: int | None = None,
    priority: str = "normal",
    wait_s: float = 10.0,
) -> dict[str, object]:
    """Send one message, in the name of a company (by default the first active one)."""
    gateway = context.running()
    with context.store.readers.lend() as db:
        active = [row["id"] for row in accounts.companies(db, "") if row["active"]]
    if company is None and not active:
        raise AdminError("there is no active company to send for: make one with `gatewayd company add NAME`")
    company_id = active[0] if company is None else company
    if company_id not in active:
        raise AdminError(f"there is no active company {company_id}: `gatewayd company list` shows them")
    if not text.strip() or len(text) > 1600:
        raise AdminError("a text must be 1 to 1600 characters, not only white space")
    caller = Caller(0, company_id, admin=True)
    options = Options(sim_id=sim, priority=Priority[priority.upper()])
    try:
        result, _ = gateway.submit(caller, Draft(gateway.e164(recipient), text), options, None, wait_s)
    except (GatewayError, ValueError) as error:
        raise AdminError(str(error)) from error
    if not isinstance(result, MessageView):
        raise AdminError("the message was answered by an earlier one")
    return _shown(result, company_id)


def _shown(view: MessageView, company_id: int) -> dict[str, object]:
    return {
        "sms_id": view.sms_id,
        "company": company_id,
        "recipient": view.recipient,
        "sim_number": view.sim_number,
        "status": view.status.value,
        "parts": view.parts,
        "created_at": iso(view.created_at),
        "sent_at": None if view.sent_at is None else iso(view.sent_at),
        "delivered_at": None if view.delivered_at is None else iso(view.delivered_at),
        "failure_reason": view.failure_reason,
        "in_doubt": view.in_doubt,
    }
