"""`gatewayd campaign …`: the messages of a company with the same campaign id."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gatewayd.admin.context import Context, Id
from gatewayd.errors import AdminError, GatewayError
from gatewayd.messages.campaigns import Campaigns
from gatewayd.records import Caller, Status
from gatewayd.timekeeping.clock import iso

CampaignId = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""A campaign id, which clients choose."""


def show(context: Context, company: Id, campaign: CampaignId) -> dict[str, object]:
    """Return the number of messages of a campaign by status, its parts and its cost."""
    try:
        found = _campaigns(context).show(Caller(0, company, admin=True), campaign)
    except GatewayError as error:
        raise _explained(error, company, campaign) from error
    return {
        "campaign": found.campaign_id,
        "company": company,
        "total": found.total,
        **{status.value: found.counts[status] for status in Status},
        "parts": found.parts,
        "cost": found.cost,
        "first_at": iso(found.first_at),
        "last_at": iso(found.last_at),
    }


def cancel(context: Context, company: Id, campaign: CampaignId) -> dict[str, object]:
    """Cancel the messages of a campaign that no modem has yet, for at most 20 s."""
    try:
        done = _campaigns(context).cancel(Caller(0, company, admin=True), campaign)
    except GatewayError as error:
        raise _explained(error, company, campaign) from error
    shown: dict[str, object] = {"campaign": campaign, "cancelled": done.cancelled, "complete": done.complete}
    notes = ["the time was over: messages still wait. Run the command again"]
    return shown if done.complete else {**shown, "notes": notes}


def _campaigns(context: Context) -> Campaigns:
    if context.gateway is not None:
        return context.gateway.campaigns
    return Campaigns(context.store, context.clock, context.moment, lambda _: None)


def _explained(error: GatewayError, company: int, campaign: int) -> AdminError:
    return AdminError(f"campaign {campaign} of company {company}: {error}")
