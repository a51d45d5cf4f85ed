"""GET /sms/campaigns/{campaign_id} and POST /sms/campaigns/{campaign_id}/cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api.access.authentication import authenticate
from api.requests.query_params import integer
from api.responses.serializers import campaign, respond, success
from gatewayd.errors import NotFoundError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoints for campaigns."""
    blueprint = Blueprint("campaigns", __name__)

    @blueprint.get("/sms/campaigns/<campaign_id>")
    def show(campaign_id: str) -> Response:
        caller = authenticate(gateway)
        return respond(success(campaign(gateway.campaigns.show(caller, _id(campaign_id)))))

    @blueprint.post("/sms/campaigns/<campaign_id>/cancel")
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
