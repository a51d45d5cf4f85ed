"""GET /events: what happened, in order, without webhooks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Operation, Parameter, Tag, described
from api.documentation.parameters import LIMIT
from api.requests.query_params import EVENTS_WAIT_MAX_S, event_query
from api.responses.answers.events import EventsAnswer
from api.responses.serializers import respond
from api.server.wait_limit import WaitLimit
from gatewayd.events.documents import event_document
from gatewayd.records import Audience, EventType

if TYPE_CHECKING:
    from gatewayd.events.reader import EventPage
    from gatewayd.gateway import Gateway

_TOO_MANY = {"Retry-After": "2"}

_TYPE = rf"\s*(?:{'|'.join(re.escape(each.value) for each in EventType)})?\s*"
_EVENTS = Operation(
    Tag.EVENTS,
    "The events, in order",
    {
        200: Answer(
            "A page, oldest first.",
            EventsAnswer,
            {
                "a number opted out": {
                    "success": True,
                    "data": [
                        {
                            "id": "evt_6b1f90c2_1207",
                            "type": "opt_out.changed",
                            "timestamp": "2025-10-30T14:30:04.000000Z",
                            "data": {"recipient": "+22370123456", "opted_out": True, "source": "text"},
                        }
                    ],
                    "next_cursor": "6b1f90c2-6b1f90c2-1207",
                    "reset": False,
                    "more": False,
                }
            },
            headers={
                "Retry-After": "Where too many requests wait already: seconds to wait before the next one."
            },
        )
    },
    "No event is skipped. Store `next_cursor` with what you made of the events.",
    parameters=(
        Parameter(
            "after",
            "query",
            "The `next_cursor` of the last answer; without it the list begins with the oldest event.",
            {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{8}-[0-9]{1,18}$"},
            "6b1f90c2-6b1f90c2-1207",
        ),
        Parameter(
            "types",
            "query",
            "Only events of these types, with commas between them; may be repeated.",
            {"type": "string", "pattern": f"^{_TYPE}(?:,{_TYPE})*$"},
            f"{EventType.MESSAGE_SENT.value},{EventType.MESSAGE_FAILED.value}",
        ),
        LIMIT,
        Parameter(
            "wait",
            "query",
            "Seconds to wait for an event where there is none yet.",
            {"type": "integer", "minimum": 0, "maximum": EVENTS_WAIT_MAX_S},
            1,
        ),
    ),
)


def endpoints(gateway: Gateway, wait_limit: WaitLimit) -> Blueprint:
    """The endpoint for events. `wait_limit`: for requests that wait for one."""
    blueprint = Blueprint("events", __name__)

    @blueprint.get("/events")
    @described(_EVENTS)
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
