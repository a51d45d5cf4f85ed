"""The endpoints under /webhooks: URLs to which the gateway posts events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Body, Operation, Parameter, Tag, described
from api.documentation.parameters import CURSOR, LIMIT
from api.requests.json_body import request_body
from api.requests.query_params import delivery_filter, row_id
from api.requests.webhook_bodies import (
    ReplayBody,
    RotationBody,
    WebhookBody,
    WebhookChangeBody,
    replay_request,
    rotation_revokes,
    webhook_changes,
    webhook_draft,
)
from api.responses.answers.webhooks import (
    DeliveriesAnswer,
    ReplayAnswer,
    WebhookAnswer,
    WebhooksAnswer,
    WebhookSecretAnswer,
    WebhookTestAnswer,
)
from api.responses.errors import TooManyWaitingError
from api.responses.serializers import respond, success
from api.server.wait_limit import WaitLimit
from gatewayd.errors import AdminRequiredError, ConflictError, NotFoundError, NotPermittedError
from gatewayd.records import Caller
from gatewayd.webhooks.documents import attempt_document, delivery_document, webhook_document

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway
    from gatewayd.store.tables.webhooks import Webhook

_RIGHT = "webhooks"

_WEBHOOK_ID = Parameter(
    "webhook_id", "path", "The `id` of a webhook.", {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
)
_NEEDS = "Needs a key with the right `webhooks`."
_WEBHOOK = {
    "id": 1,
    "url": "https://shop.example/sms-events",
    "types": ["message.delivered"],
    "description": "",
    "scope": "company",
    "state": "ok",
    "reason": None,
    "sandbox": False,
    "created_at": "2025-10-30T14:30:00.000000Z",
    "last_success_at": None,
    "last_failure_at": None,
    "failing_since": None,
    "old_secret_until": None,
}
_SECRET = {**_WEBHOOK, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
_ONE = Answer("The webhook.", WebhookAnswer, {"a webhook": {"success": True, "data": _WEBHOOK}})
_ADD = Operation(
    Tag.WEBHOOKS,
    "Make a webhook",
    {
        201: Answer(
            "The webhook and its secret, which is not shown again.",
            WebhookSecretAnswer,
            {"a webhook": {"success": True, "data": _SECRET}},
        )
    },
    _NEEDS,
    body=Body(
        WebhookBody,
        {"delivered messages": {"url": "https://shop.example/sms-events", "types": ["message.delivered"]}},
    ),
    errors=(NotPermittedError, AdminRequiredError, ConflictError),
)
_LIST = Operation(
    Tag.WEBHOOKS,
    "The webhooks of the company",
    {
        200: Answer(
            "All of them.",
            WebhooksAnswer,
            {"a webhook": {"success": True, "data": [_WEBHOOK], "next_cursor": None}},
        )
    },
    _NEEDS,
    errors=(NotPermittedError,),
)
_SHOW = Operation(
    Tag.WEBHOOKS,
    "One webhook",
    {200: _ONE},
    _NEEDS,
    parameters=(_WEBHOOK_ID,),
    errors=(NotPermittedError, NotFoundError),
)
_CHANGE = Operation(
    Tag.WEBHOOKS,
    "Change a webhook",
    {200: _ONE},
    f"{_NEEDS} What is missing stays.",
    parameters=(_WEBHOOK_ID,),
    body=Body(
        WebhookChangeBody,
        {"stop": {"state": "disabled"}, "go on": {"state": "ok"}, "all types": {"types": None}},
    ),
    errors=(NotPermittedError, NotFoundError),
)
_REMOVE = Operation(
    Tag.WEBHOOKS,
    "Delete a webhook",
    {200: _ONE},
    f"{_NEEDS} What was not delivered is not delivered any more.",
    parameters=(_WEBHOOK_ID,),
    errors=(NotPermittedError, NotFoundError),
)
_ROTATE = Operation(
    Tag.WEBHOOKS,
    "Make a new secret",
    {
        200: Answer(
            "The webhook and its new secret.",
            WebhookSecretAnswer,
            {
                "rotated": {
                    "success": True,
                    "data": {**_SECRET, "old_secret_until": "2025-10-31T14:30:00.000000Z"},
                }
            },
        )
    },
    f"{_NEEDS} The old secret signs too for 24 hours. The body may be absent.",
    parameters=(_WEBHOOK_ID,),
    body=Body(RotationBody, {"keep the old one": {}, "end the old one": {"revoke": True}}, required=False),
    errors=(NotPermittedError, NotFoundError, ConflictError),
)
_TEST = Operation(
    Tag.WEBHOOKS,
    "Send a test event now",
    {
        200: Answer(
            "The answer of the receiver.",
            WebhookTestAnswer,
            {
                "delivered": {
                    "success": True,
                    "data": {"status_code": 204, "duration_ms": 87, "error": None, "response": ""},
                }
            },
        )
    },
    f"{_NEEDS} Waits for the answer, up to 15 seconds.",
    parameters=(_WEBHOOK_ID,),
    errors=(NotPermittedError, NotFoundError, TooManyWaitingError),
)
_DELIVERIES = Operation(
    Tag.WEBHOOKS,
    "The deliveries of a webhook",
    {
        200: Answer(
            "A page, newest event first.",
            DeliveriesAnswer,
            {
                "a failure": {
                    "success": True,
                    "data": [
                        {
                            "event": {
                                "id": "evt_6b1f90c2_1207",
                                "type": "message.delivered",
                                "timestamp": "2025-10-30T14:30:04.000000Z",
                            },
                            "status": "pending",
                            "attempts": [
                                {
                                    "at": "2025-10-30T14:30:04.100000Z",
                                    "status_code": 500,
                                    "duration_ms": 12,
                                    "error": "The receiver answered 500.",
                                }
                            ],
                            "next_attempt_at": "2025-10-30T14:30:09.300000Z",
                        }
                    ],
                    "next_cursor": None,
                }
            },
        )
    },
    _NEEDS,
    parameters=(
        _WEBHOOK_ID,
        Parameter(
            "status",
            "query",
            "Deliveries with this status.",
            {"type": "string", "enum": ["pending", "delivered", "failed"]},
            "failed",
        ),
        LIMIT,
        CURSOR,
    ),
    errors=(NotPermittedError, NotFoundError),
)
_REPLAY = Operation(
    Tag.WEBHOOKS,
    "Send events again",
    {
        200: Answer(
            "The events are queued.",
            ReplayAnswer,
            {"twelve": {"success": True, "data": {"queued": 12, "complete": True}}},
        )
    },
    f"{_NEEDS} The body may be absent.",
    parameters=(_WEBHOOK_ID,),
    body=Body(
        ReplayBody,
        {"missing ones": {}, "all since": {"since": "2025-10-30T14:30:00Z", "only": "all"}},
        required=False,
    ),
    errors=(NotPermittedError, NotFoundError, ConflictError),
)


def endpoints(gateway: Gateway, wait_limit: WaitLimit) -> Blueprint:
    """The endpoints for webhooks. `wait_limit`: for requests that wait for a receiver."""
    blueprint = Blueprint("webhooks", __name__)

    @blueprint.post("/webhooks")
    @described(_ADD)
    def add() -> Response:
        caller = authenticate(gateway)
        draft = webhook_draft(request_body())
        webhook = gateway.webhooks.create(_permitted(caller), caller.company_id, draft)
        return respond(success(_with_secret(webhook)), 201)

    @blueprint.get("/webhooks")
    @described(_LIST)
    def webhooks() -> Response:
        found = gateway.webhooks.list_(_permitted(authenticate(gateway)))
        data = [webhook_document(webhook) for webhook in found]
        return respond({"success": True, "data": data, "next_cursor": None})

    @blueprint.get("/webhooks/<webhook_id>")
    @described(_SHOW)
    def webhook(webhook_id: str) -> Response:
        caller = _permitted(authenticate(gateway))
        return respond(success(webhook_document(gateway.webhooks.one(caller, row_id(webhook_id)))))

    @blueprint.patch("/webhooks/<webhook_id>")
    @described(_CHANGE)
    def change(webhook_id: str) -> Response:
        caller = authenticate(gateway)
        changes = webhook_changes(request_body())
        changed = gateway.webhooks.change(_permitted(caller), row_id(webhook_id), changes)
        return respond(success(webhook_document(changed)))

    @blueprint.delete("/webhooks/<webhook_id>")
    @described(_REMOVE)
    def remove(webhook_id: str) -> Response:
        caller = _permitted(authenticate(gateway))
        return respond(success(webhook_document(gateway.webhooks.remove(caller, row_id(webhook_id)))))

    @blueprint.post("/webhooks/<webhook_id>/rotate")
    @described(_ROTATE)
    def rotate(webhook_id: str) -> Response:
        caller = authenticate(gateway)
        revoke = rotation_revokes(request_body())
        rotated = gateway.webhooks.rotate(_permitted(caller), row_id(webhook_id), revoke=revoke)
        return respond(success(_with_secret(rotated)))

    @blueprint.post("/webhooks/<webhook_id>/test")
    @described(_TEST)
    def test(webhook_id: str) -> Response:
        caller = _permitted(authenticate(gateway))
        with wait_limit.required():
            attempt = gateway.webhooks.test(caller, row_id(webhook_id))
        return respond(success(attempt_document(attempt, with_response=caller.admin)))

    @blueprint.get("/webhooks/<webhook_id>/deliveries")
    @described(_DELIVERIES)
    def deliveries(webhook_id: str) -> Response:
        caller = authenticate(gateway)
        state, limit, cursor = delivery_filter(request.args)
        found, next_cursor = gateway.webhooks.deliveries(
            _permitted(caller), row_id(webhook_id), state, limit, cursor
        )
        data = [delivery_document(each) for each in found]
        return respond({"success": True, "data": data, "next_cursor": next_cursor})

    @blueprint.post("/webhooks/<webhook_id>/replay")
    @described(_REPLAY)
    def replay(webhook_id: str) -> Response:
        caller = authenticate(gateway)
        wanted = replay_request(request_body())
        queued = gateway.webhooks.replay(_permitted(caller), row_id(webhook_id), wanted)
        return respond(success({"queued": queued.count, "complete": queued.complete}))

    return blueprint


def _permitted(caller: Caller) -> Caller:
    """The caller, where the key may manage webhooks. Raises NotPermittedError."""
    if _RIGHT not in caller.rights:
        raise NotPermittedError(_RIGHT)
    return caller


def _with_secret(webhook: Webhook) -> dict[str, Any]:
    """A webhook with its present secret: after it was made, and after a rotation."""
    document = webhook_document(webhook)
    return {"id": webhook.id, "secret": webhook.secrets[0], **document}
