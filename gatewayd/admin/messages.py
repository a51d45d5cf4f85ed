"""`gatewayd message …` and `gatewayd send`: messages of all companies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.language.text import Text, text_of
from gatewayd.admin.context import Context, Id, Microseconds, one_company
from gatewayd.admin.refusals import explained
from gatewayd.errors import AdminError, GatewayError, WrongUseError
from gatewayd.gateway import SettlesByHand
from gatewayd.messages import lifecycle
from gatewayd.messages.attempts import attempts
from gatewayd.messages.blank_text import is_blank
from gatewayd.messages.effects import Effects
from gatewayd.messages.message_queries import MessageQueries
from gatewayd.messages.reasons import IN_DOUBT
from gatewayd.records import (
    LONGEST_TEXT,
    NO_COMPANY,
    AttemptRecord,
    Caller,
    Draft,
    MessageRecord,
    Options,
    Priority,
)
from gatewayd.sending.outcomes import DoubtDecision, settle_by_hand
from gatewayd.sending.preview import preview_text
from gatewayd.store import Transaction
from gatewayd.store.tables import messages, parts, sims
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Moment, iso

# The default of `message list`: one screen.
_DEFAULT_LIMIT = 20

Known = Literal["pending", "sent", "delivered", "failed", "cancelled"]
"""The status of a message."""


def list_(
    context: Context, status: Known | None = None, limit: int = _DEFAULT_LIMIT
) -> list[dict[str, object]]:
    """List the newest messages, without their texts."""
    with context.shared.lists.lend() as db:
        rows = messages.page(
            db,
            company_id=None,
            status=status,
            campaign_id=None,
            recipient=None,
            since=None,
            until=None,
            before_id=None,
            limit=max(1, min(limit, 10_000)),
        )
    queries = _queries(context)
    return [shown(queries.explained(row), row.company_id) for row in rows]


def show(context: Context, sms_id: str, company: Id | None = None) -> dict[str, object]:
    """Return one message, with its text and attempts. `company`: only if it belongs to this company."""
    with context.shared.readers.lend() as db:
        row = messages.shown(db, sms_id)
    if row is None or company not in (None, row.company_id):
        raise AdminError(_no_message(sms_id))
    view = _queries(context).explained(row)
    with context.shared.readers.lend() as db:
        tried = [_attempt(one) for one in attempts(db, row.id)]
        kept = messages.find(db, row.id)
    return {
        **shown(view, row.company_id),
        "sim": None if kept is None or kept.sim_id == 0 else kept.sim_id,
        "pinned": kept is not None and bool(kept.pinned),
        "transactional": row.transactional,
        "cost": view.cost,
        "failed_at": None if view.failed_at is None else iso(view.failed_at),
        "message": view.text,
        "attempts": tried,
    }


def preview(context: Context, text: str) -> dict[str, object]:
    """Return the parts of a text, and a text that takes fewer."""
    check_text(text)
    return preview_text(text).document


def cancel(context: Context, sms_id: str) -> dict[str, object]:
    """Cancel a message that no port has claimed yet."""
    with context.shared.readers.lend() as db:
        row = messages.by_sms_id(db, sms_id)
    if row is None:
        raise AdminError(_no_message(sms_id))
    try:
        context.running().cancel(Caller(0, row.company_id, admin=True, sandbox=bool(row.sandbox)), sms_id)
    except GatewayError as error:
        raise AdminError(explained(error)) from error
    return show(context, sms_id)


def settle(context: Context, sms_id: str, verdict: str) -> dict[str, object]:
    """Settle every part of a message that is in doubt: it was `sent`, has `failed`, or is to be sent again (`retry`)."""
    known = {each.value: each for each in DoubtDecision}
    if verdict not in known:
        raise WrongUseError(Text("the verdict must be one of {verdicts}", verdicts=", ".join(known)))
    chosen = known[verdict]

    def change(db: Transaction, at: Moment, effects: Effects, settles: SettlesByHand) -> None:
        row = messages.by_sms_id(db, sms_id)
        if row is None:
            raise AdminError(_no_message(sms_id))
        if context.gateway is None:  # parts that were submitting when the last daemon ended are in doubt
            for message_id in parts.doubt_submitting(db, IN_DOUBT.en, IN_DOUBT.fr):
                lifecycle.in_doubt(db, message_id, IN_DOUBT.text, at)
        if chosen is DoubtDecision.RETRY and row.expires_at is not None and lifecycle.has_expired(row, at):
            raise AdminError(
                Text(
                    "message {id} expired at {time} and cannot be sent again:"
                    " settle it as sent or failed, and send a new one if need be",
                    id=sms_id,
                    time=iso(row.expires_at),
                )
            )
        if not settles(db, row, chosen, at, effects):
            raise AdminError(
                Text("message {id} has no part in doubt: {state}", id=sms_id, state=_instead(row))
            )

    if context.gateway is None:
        context.shared.write(lambda db: change(db, context.moment(), Effects(), settle_by_hand))
    else:
        context.gateway.settle(change)
    return show(context, sms_id)


def _no_message(sms_id: str) -> Text:
    return Text("there is no message {id}", id=sms_id)


def _instead(row: Message) -> Text:
    if row.status == "pending":
        return Text("it waits or is being sent, and can be cancelled as long as no port has claimed a part")
    return Text("it has ended, so there is nothing to settle")


def check_text(text: str) -> None:
    """Check the text of a message. Raises AdminError."""
    if is_blank(text) or len(text) > LONGEST_TEXT:
        raise WrongUseError(
            Text(
                "a text must have 1 to {most} characters, and not only white space or invisible characters",
                most=LONGEST_TEXT,
            )
        )


def send(
    context: Context,
    recipient: str,
    text: str,
    company: Id | None = None,
    sim: Id | None = None,
    priority: Literal["otp", "normal", "bulk"] = "normal",
    reference: Annotated[str, Field(min_length=1, max_length=255)] | None = None,
    send_at: Microseconds | None = None,
    wait_s: Annotated[float, Field(ge=0, le=60)] = 10.0,
) -> dict[str, object]:
    """Send one message for a company, by default the first active one; `send_at`: not before."""
    gateway = context.running()
    company_id = one_company(context, company)
    check_text(text)
    if sim is not None:
        check_sim(context, sim, company_id)
    if send_at is not None and send_at > gateway.latest_send_at():
        raise AdminError(Text("a message can be scheduled at most a year ahead"))
    caller = Caller(0, company_id, admin=True)
    options = Options(sim_id=sim, priority=Priority[priority.upper()], send_at=send_at)
    try:
        draft = Draft(gateway.e164(recipient), text, reference)
        result, _ = gateway.submit(caller, draft, options, None, wait_s)
    except GatewayError as error:
        raise AdminError(explained(error)) from error
    except ValueError as error:
        raise WrongUseError(text_of(error)) from error
    if not isinstance(result, MessageRecord):
        raise AdminError("the message was answered by an earlier one")
    return shown(result, company_id)


def check_sim(context: Context, sim: int, company: int) -> None:
    """Raise AdminError if a SIM can never send a message of this company, however long it waits."""
    with context.shared.readers.lend() as db:
        row = sims.at_work(db, sim)
    if row is None:
        raise AdminError(Text("there is no SIM {sim}: `gatewayd sim list` shows them", sim=sim))
    if not row.enabled:
        raise AdminError(Text("SIM {sim} is disabled: `gatewayd sim set {sim} --enabled yes`", sim=sim))
    if row.company_id not in (None, company):
        raise AdminError(
            Text(
                "SIM {sim} belongs to company {company}: it sends for no other one",
                sim=sim,
                company=row.company_id,
            )
        )


def _queries(context: Context) -> MessageQueries:
    return MessageQueries(context.shared, context.moment, context.calendar)


def _attempt(view: AttemptRecord) -> dict[str, object]:
    return {
        "part": view.part,
        "at": iso(view.at),
        "sim": view.sim_id,
        "sim_number": view.sim_number,
        "port": view.port,
        "outcome": view.outcome,
        "code": view.code,
        "meaning": view.meaning,
        "meaning_fr": view.meaning_fr,
    }


def shown(view: MessageRecord, company_id: int) -> dict[str, object]:
    """A message as the commands show it, without its text."""
    return {
        "sms_id": view.sms_id,
        "company": None if company_id == NO_COMPANY else company_id,
        "loop_test": company_id == NO_COMPANY,
        "recipient": view.recipient,
        "sim_number": view.sim_number,
        "status": view.status.value,
        "priority": view.priority.name.lower(),
        "campaign_id": view.campaign_id,
        "reference": view.reference,
        "parts": view.parts,
        "created_at": iso(view.created_at),
        "send_at": None if view.send_at is None else iso(view.send_at),
        "expires_at": None if view.expires_at is None else iso(view.expires_at),
        "sent_at": None if view.sent_at is None else iso(view.sent_at),
        "delivered_at": None if view.delivered_at is None else iso(view.delivered_at),
        "failure_reason": view.failure_reason,
        "in_doubt": view.in_doubt,
        "sandbox": view.sandbox,
    }
