"""`gatewayd campaign …`: the messages of a company with the same campaign id."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.language.text import Text
from gatewayd.admin.context import Context, Id
from gatewayd.admin.refusals import explained
from gatewayd.errors import AdminError, GatewayError, NotFoundError
from gatewayd.messages.campaigns import Campaigns, expected_end
from gatewayd.records import Caller, CampaignRecord, Status
from gatewayd.timekeeping.clock import iso

CampaignId = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""A campaign id, which clients choose."""


def list_(
    context: Context,
    company: Id | None = None,
    before: Id | None = None,
    limit: Annotated[int, Field(ge=1, le=500)] = 50,
) -> dict[str, object]:
    """Return a page of campaigns, the newest first. `company`: only its own. `before`: the `next` of the page before."""
    now = context.moment().now
    try:
        found, cursor = _campaigns(context).page(company, before, limit)
    except GatewayError as error:
        raise AdminError(explained(error)) from error
    return {"campaigns": [_shown(owner, record, now) for owner, record in found], "next": cursor}


def show(context: Context, company: Id, campaign: CampaignId) -> dict[str, object]:
    """Return the number of messages of a campaign by status, its parts and its cost."""
    try:
        found = _campaigns(context).show(Caller(0, company, admin=True), campaign)
    except GatewayError as error:
        raise _refused(error, company, campaign) from error
    return _shown(company, found, context.moment().now)


def cancel(context: Context, company: Id, campaign: CampaignId) -> dict[str, object]:
    """Cancel the messages of a campaign that no modem has yet, for at most 20 s."""
    try:
        done = _campaigns(context).cancel(Caller(0, company, admin=True), campaign)
    except GatewayError as error:
        raise _refused(error, company, campaign) from error
    shown: dict[str, object] = {"campaign": campaign, "cancelled": done.cancelled, "complete": done.complete}
    notes = [Text("the time was over: messages still wait. Cancel the campaign again")]
    return shown if done.complete else {**shown, "notes": notes}


def _campaigns(context: Context) -> Campaigns:
    if context.gateway is not None:
        return context.gateway.campaigns
    return Campaigns(context.shared, context.clock, context.moment, lambda _: None)


def _refused(error: GatewayError, company: int, campaign: int) -> AdminError:
    if isinstance(error, NotFoundError):
        return AdminError(
            Text("company {company} has no campaign {campaign}", company=company, campaign=campaign)
        )
    return AdminError(explained(error))


def _shown(company: int, found: CampaignRecord, now: int) -> dict[str, object]:
    end = expected_end(found, now)
    return {
        "campaign": found.campaign_id,
        "company": company,
        "total": found.total,
        **{status.value: found.counts[status] for status in Status},
        "parts": found.parts,
        "cost": found.cost,
        "first_at": iso(found.first_at),
        "last_at": iso(found.last_at),
        "expected_end": None if end is None else iso(end),
    }
