"""`gatewayd opt-out …`: the numbers that want no such messages from a company, with the evidence."""

from __future__ import annotations

from typing import Literal

from config.language.text import Text, text_of
from gatewayd.admin.context import Context, Id, one_company
from gatewayd.errors import AdminError, NotFoundError, WrongUseError
from gatewayd.messages.opt_out_list import OptOutList
from gatewayd.records import Caller, OptOutRecord
from gatewayd.store.tables import opt_outs
from gatewayd.timekeeping.clock import iso

_MOST = 10_000

# How a person made the change.
Source = Literal["cli", "dashboard"]

_LONGEST_REASON = 200


def list_(context: Context, company: Id | None = None, after: Id = 0) -> list[dict[str, object]]:
    """List the opt-outs of a company or of all, the ended ones too, oldest first: up to 10,000 behind the id `after`."""
    with context.shared.lists.lend() as db:
        found = opt_outs.every(db, company, after, _MOST)
    return [_shown(record) for record in found]


def add(
    context: Context,
    recipient: str,
    company: Id | None = None,
    reason: str | None = None,
    source: Source = "cli",
) -> dict[str, object]:
    """Opt a number out of the messages of a company."""
    number = _number(context, recipient)
    if reason is not None and len(reason) > _LONGEST_REASON:
        raise WrongUseError(Text("a reason must have at most {most} characters", most=_LONGEST_REASON))
    return _shown(_list(context).add(_caller(context, company), number, reason, source))


def remove(
    context: Context, recipient: str, company: Id | None = None, source: Source = "cli"
) -> dict[str, object]:
    """Let a number take the messages of a company again."""
    number = _number(context, recipient)
    try:
        return _shown(_list(context).end(_caller(context, company), number, source))
    except NotFoundError as error:
        raise AdminError(Text("{number} has not opted out", number=number)) from error


def _list(context: Context) -> OptOutList:
    return OptOutList(context.shared, context.clock.now)


def _caller(context: Context, company: int | None) -> Caller:
    return Caller(0, one_company(context, company), admin=True)


def _number(context: Context, recipient: str) -> str:
    try:
        return context.numbering.e164(recipient)
    except ValueError as error:
        raise WrongUseError(text_of(error)) from error


def _shown(record: OptOutRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "company": record.company_id,
        "recipient": record.recipient,
        "opted_out_at": iso(record.opted_out_at),
        "source": record.source,
        "reason": record.reason,
        "text": record.text,
        "inbox_id": record.inbox_id,
        "ended_at": None if record.ended_at is None else iso(record.ended_at),
        "ended_source": record.ended_source,
        "ended_text": record.ended_text,
    }
