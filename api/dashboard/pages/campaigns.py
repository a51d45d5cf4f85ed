"""Campaigns: their progress, and how to cancel one."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.dashboard import choices, message_words
from api.dashboard.changes import Changes
from api.dashboard.guard import EVERYBODY, PageError, allowed, viewer
from api.dashboard.rendering import page
from api.dashboard.search_form import whole_number
from config.language.text import Text
from gatewayd.errors import AdminError


def pages(changes: Changes) -> Blueprint:
    """The pages of campaigns."""
    blueprint = Blueprint("campaigns", __name__)

    def own(company: int, campaign: str) -> dict[str, Any]:
        """One campaign, if the person may see it."""
        number = whole_number(campaign)
        missing = PageError(404, Text("There is no such campaign on this box."))
        if number is None or company >= 2**63 or viewer().company_id not in (None, company):
            raise missing
        try:
            found: dict[str, Any] = changes.read("campaign.show", company=company, campaign=number)
        except AdminError as error:
            raise missing from error
        return found

    def listed(template: Literal["campaigns.html", "campaigns_table.html"]) -> Response:
        before = whole_number(request.args.get("before", ""))
        wanted = {} if before is None or before < 0 else {"before": before}
        found = changes.read("campaign.list", company=viewer().company_id, **wanted)
        return page(
            template,
            found=found,
            before=wanted.get("before"),
            waits=any(one["pending"] for one in found["campaigns"]),
            companies=choices.companies(changes),
        )

    def shown(
        template: Literal["campaign.html", "campaign_state.html"], company: int, campaign: str
    ) -> Response:
        return page(
            template,
            campaign=own(company, campaign),
            statuses=message_words.STATUSES,
            company_name=choices.companies(changes).get(company),
            company_address=choices.address_for("companies.company", company_id=company),
        )

    @blueprint.get("/campaigns")
    @allowed(*EVERYBODY)
    def campaigns() -> Response:
        return listed("campaigns.html")

    @blueprint.get("/campaigns/table")
    @allowed(*EVERYBODY)
    def table() -> Response:
        return listed("campaigns_table.html")

    @blueprint.get("/campaigns/<int:company>/<campaign>")
    @allowed(*EVERYBODY)
    def campaign(company: int, campaign: str) -> Response:
        return shown("campaign.html", company, campaign)

    @blueprint.get("/campaigns/<int:company>/<campaign>/state")
    @allowed(*EVERYBODY)
    def state(company: int, campaign: str) -> Response:
        return shown("campaign_state.html", company, campaign)

    @blueprint.post("/campaigns/<int:company>/<campaign>/cancel")
    @allowed(*EVERYBODY)
    def cancel(company: int, campaign: str) -> Response:
        number = own(company, campaign)["campaign"]
        return changes.make(
            url_for("campaigns.campaign", company=company, campaign=number),
            _cancelled,
            "campaign.cancel",
            {"company": company, "campaign": number},
        )

    return blueprint


def _cancelled(result: dict[str, Any]) -> Text:
    if result["complete"]:
        return Text("{count} messages were cancelled.", count=result["cancelled"])
    return Text(
        "{count} messages were cancelled, and others still wait. Cancel the campaign again.",
        count=result["cancelled"],
    )
