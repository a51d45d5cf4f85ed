"""GET /sms/quota: the company's quota of this month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Operation, Tag, described
from api.responses import serializers
from api.responses.answers.sims import QuotaAnswer

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


_QUOTA = Operation(
    Tag.SIMS,
    "The quota of this month",
    {
        200: Answer(
            "The quota.",
            QuotaAnswer,
            {
                "with a quota": {
                    "success": True,
                    "data": {
                        "total_quota": 1000,
                        "sent_this_month": 250,
                        "remaining": 750,
                        "usage_percentage": 25.0,
                        "resets_at": "2025-11-01T00:00:00.000000Z",
                    },
                }
            },
        )
    },
    "A message takes one from the quota when it is accepted, and gives it back if it ends before any part of it was sent.",
)


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint for the quota."""
    blueprint = Blueprint("quota", __name__)

    @blueprint.get("/sms/quota")
    @described(_QUOTA)
    def quota() -> Response:
        return serializers.respond(
            serializers.success(serializers.quota(gateway.quota(authenticate(gateway))))
        )

    return blueprint
