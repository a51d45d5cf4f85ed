"""`message.search`: messages by number, reference, campaign, status, SIM, time and text."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from config.language.text import Text
from gatewayd.admin.campaigns import CampaignId
from gatewayd.admin.context import Context, Id, Microseconds
from gatewayd.admin.messages import Known, shown
from gatewayd.errors import AdminError
from gatewayd.messages.message_queries import MessageQueries
from gatewayd.sims.numbering import without_separators
from gatewayd.store.tables import message_search, messages
from gatewayd.store.tables.message_search import Filter

_DIGITS = re.compile(r"[0-9]{2,15}", re.ASCII)

_Words = Annotated[str, Field(min_length=1, max_length=255)]


def search(
    context: Context,
    company: Id | None = None,
    number: _Words | None = None,
    reference: _Words | None = None,
    campaign: CampaignId | None = None,
    status: Known | None = None,
    sim: Id | None = None,
    since: Microseconds | None = None,
    until: Microseconds | None = None,
    text: _Words | None = None,
    before: Id | None = None,
    limit: Annotated[int, Field(ge=1, le=500)] = 50,
) -> dict[str, object]:
    """Return a page of messages, the newest first, with their texts; times in microseconds: since ≤ accepted < until.

    `number`: a recipient, or its last digits. `before`: the `next` of the page before. `exhausted`: so many rows were
    read, as one request may, before the page was full, and `next` searches on; None: the page is complete.
    """
    recipient, recipient_end = (None, None) if number is None else _number(context, number)
    wanted = Filter(company, recipient, recipient_end, reference, campaign, status, sim, since, until, text)
    with context.shared.lists.lend() as db:
        found = message_search.search(db, wanted, before, limit)
        rows = messages.shown_by_ids(db, found.ids)
    queries = MessageQueries(context.shared, context.moment, context.calendar)
    views = [(queries.explained(row), row.company_id) for id_ in found.ids if (row := rows.get(id_))]
    return {
        "messages": [
            {**shown(view, company_id), "message": view.text, "cost": view.cost} for view, company_id in views
        ],
        "next": found.before_id,
        "exhausted": found.exhausted,
    }


def _number(context: Context, written: str) -> tuple[str | None, str | None]:
    """A recipient as it is stored, or the last digits of one. Raises AdminError."""
    number = without_separators(written)
    try:
        return context.numbering.e164(number), None
    except ValueError:
        digits = number.removeprefix("+")
    if not _DIGITS.fullmatch(digits):
        raise AdminError(Text("a number has digits only: write all of it, or its last two digits or more"))
    return None, digits
