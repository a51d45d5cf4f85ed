"""GET /sms/quota: what is left of the month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api import answers
from api.auth import caller

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint about the quota."""
    routes = Blueprint("quota", __name__)

    @routes.get("/sms/quota")
    def quota() -> Response:
        return answers.respond({"success": True, "data": answers.quota(gateway.quota(caller(gateway)))})

    return routes
