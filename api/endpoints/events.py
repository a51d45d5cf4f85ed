"""GET /events: what happened, in order, without webhooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.requests.query_params import event_query
from api.responses.serializers import respond
from api.server.wait_limit import WaitLimit
from gatewayd.events.documents import event_document
from gatewayd.records import Audience

if TYPE_CHECKING:
    from gatewayd.events.reader import EventPage
    from gatewayd.gateway import Gateway

_TOO_MANY = {"Retry-After": "2"}


def endpoints(gateway: Gateway, wait_limit: WaitLimit) -> Blueprint:
    """The endpoint for events. `wait_limit`: for requests that wait for one."""
    blueprint = Blueprint("events", __name__)

    @blueprint.get("/events")
    def events() -> Response:
        caller = authenticate(gateway)
        query, wait_s = event_query(request.args)
        audience = Audience(caller.company_id, box=caller.admin, sandbox=caller.sandbox)
        page = gateway.events.read(audience, query)
        if page.events or page.reset or page.more or not wait_s:
            return _response(page)
        with wait_limit.acquire() as may_wait:
            if not may_wait:
                return _response(page, _TOO_MANY)
            query = replace(query, after=page.next_cursor)
            return _response(gateway.events.wait(audience, query, wait_s, _client_is_gone()))

    return blueprint


def _response(page: EventPage, headers: dict[str, str] | None = None) -> Response:
    return respond(
        {
            "success": True,
            "data": [event_document(event) for event in page.events],
            "next_cursor": str(page.next_cursor),
            "reset": page.reset,
            "more": page.more,
        },
        headers=headers,
    )


def _client_is_gone() -> Callable[[], bool]:
    gone: Callable[[], bool] = request.environ["waitress.client_disconnected"]
    return gone
