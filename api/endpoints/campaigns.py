"""GET /sms/campaigns/{campaign_id} and POST /sms/campaigns/{campaign_id}/cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Operation, Parameter, Tag, described
from api.documentation.parameters import ID
from api.requests.query_params import integer
from api.responses.answers.campaigns import CampaignAnswer, CampaignCancelAnswer
from api.responses.serializers import campaign, respond, success
from gatewayd.errors import NotFoundError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


_CAMPAIGN_ID = Parameter("campaign_id", "path", "The `campaign_id` of the messages.", ID)
_SHOW = Operation(
    Tag.CAMPAIGNS,
    "The state of a campaign",
    {
        200: Answer(
            "The counts of its messages.",
            CampaignAnswer,
            {
                "half way": {
                    "success": True,
                    "data": {
                        "campaign_id": 31,
                        "total": 100,
                        "pending": 50,
                        "sent": 9,
                        "delivered": 40,
                        "failed": 1,
                        "cancelled": 0,
                        "parts": 120,
                        "cost": 6,
                        "first_at": "2025-10-30T14:30:00.000000Z",
                        "last_at": "2025-10-30T14:31:00.000000Z",
                    },
                }
            },
        )
    },
    parameters=(_CAMPAIGN_ID,),
    errors=(NotFoundError,),
)
_CANCEL = Operation(
    Tag.CAMPAIGNS,
    "Cancel a campaign",
    {
        200: Answer(
            "The messages that no modem had yet are cancelled.",
            CampaignCancelAnswer,
            {"fifty": {"success": True, "data": {"cancelled": 50, "complete": True}}},
        )
    },
    parameters=(_CAMPAIGN_ID,),
    errors=(NotFoundError,),
)


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoints for campaigns."""
    blueprint = Blueprint("campaigns", __name__)

    @blueprint.get("/sms/campaigns/<campaign_id>")
    @described(_SHOW)
    def show(campaign_id: str) -> Response:
        caller = authenticate(gateway)
        return respond(success(campaign(gateway.campaigns.show(caller, _id(campaign_id)))))

    @blueprint.post("/sms/campaigns/<campaign_id>/cancel")
    @described(_CANCEL)
    def cancel(campaign_id: str) -> Response:
        caller = authenticate(gateway)
        done = gateway.campaigns.cancel(caller, _id(campaign_id))
        return respond(success({"cancelled": done.cancelled, "complete": done.complete}))

    return blueprint


def _id(text: str) -> int:
    """The id in a path. Raises NotFoundError where no campaign can have it."""
    try:
        return integer(text)
    except ValueError as error:
        raise NotFoundError("Campaign not found") from error
