"""The endpoints under /webhooks: URLs to which the gateway posts events."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.requests.json_body import body
from api.requests.query_params import delivery_filter
from api.requests.webhook_bodies import replay_request, rotation_revokes, webhook_changes, webhook_draft
from api.responses.serializers import respond, success
from api.server.wait_limit import WaitLimit
from gatewayd.errors import NotFoundError, NotPermittedError
from gatewayd.records import Caller
from gatewayd.webhooks.documents import attempt_document, delivery_document, webhook_document

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway
    from gatewayd.store.tables.webhooks import Webhook

_RIGHT = "webhooks"


def endpoints(gateway: Gateway, wait_limit: WaitLimit) -> Blueprint:
    """The endpoints for webhooks. `wait_limit`: for requests that wait for a receiver."""
    blueprint = Blueprint("webhooks", __name__)

    @blueprint.post("/webhooks")
    def add() -> Response:
        caller = authenticate(gateway)
        draft = webhook_draft(_body())
        webhook = gateway.webhooks.create(_permitted(caller), caller.company_id, draft)
        return respond(success(_with_secret(webhook)), 201)

    @blueprint.get("/webhooks")
    def webhooks() -> Response:
        found = gateway.webhooks.list_(_permitted(authenticate(gateway)))
        data = [webhook_document(webhook) for webhook in found]
        return respond({"success": True, "data": data, "next_cursor": None})

    @blueprint.get("/webhooks/<webhook_id>")
    def webhook(webhook_id: str) -> Response:
        caller = _permitted(authenticate(gateway))
        return respond(success(webhook_document(gateway.webhooks.one(caller, _id(webhook_id)))))

    @blueprint.patch("/webhooks/<webhook_id>")
    def change(webhook_id: str) -> Response:
        caller = authenticate(gateway)
        changes = webhook_changes(_body())
        changed = gateway.webhooks.change(_permitted(caller), _id(webhook_id), changes)
        return respond(success(webhook_document(changed)))

    @blueprint.delete("/webhooks/<webhook_id>")
    def remove(webhook_id: str) -> Response:
        caller = _permitted(authenticate(gateway))
        return respond(success(webhook_document(gateway.webhooks.remove(caller, _id(webhook_id)))))

    @blueprint.post("/webhooks/<webhook_id>/rotate")
    def rotate(webhook_id: str) -> Response:
        caller = authenticate(gateway)
        revoke = rotation_revokes(_body())
        rotated = gateway.webhooks.rotate(_permitted(caller), _id(webhook_id), revoke=revoke)
        return respond(success(_with_secret(rotated)))

    @blueprint.post("/webhooks/<webhook_id>/test")
    def test(webhook_id: str) -> Response:
        caller = _permitted(authenticate(gateway))
        with wait_limit.required():
            attempt = gateway.webhooks.test(caller, _id(webhook_id))
        return respond(success(attempt_document(attempt, with_response=caller.admin)))

    @blueprint.get("/webhooks/<webhook_id>/deliveries")
    def deliveries(webhook_id: str) -> Response:
        caller = authenticate(gateway)
        state, limit, cursor = delivery_filter(request.args)
        found, next_cursor = gateway.webhooks.deliveries(
            _permitted(caller), _id(webhook_id), state, limit, cursor
        )
        data = [delivery_document(each) for each in found]
        return respond({"success": True, "data": data, "next_cursor": next_cursor})

    @blueprint.post("/webhooks/<webhook_id>/replay")
    def replay(webhook_id: str) -> Response:
        caller = authenticate(gateway)
        wanted = replay_request(_body())
        queued = gateway.webhooks.replay(_permitted(caller), _id(webhook_id), wanted)
        return respond(success({"queued": queued.count, "complete": queued.complete}))

    return blueprint


def _body() -> bytes:
    return body(request.environ, partial(request.get_data, cache=False))


def _permitted(caller: Caller) -> Caller:
    """The caller, where the key may manage webhooks. Raises NotPermittedError."""
    if _RIGHT not in caller.rights:
        raise NotPermittedError(_RIGHT)
    return caller


def _id(text: str) -> int:
    """The id in a path. Raises NotFoundError, because no webhook has another one."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise NotFoundError("There is no such webhook")
    return int(text)


def _with_secret(webhook: Webhook) -> dict[str, Any]:
    """A webhook with its present secret: after it was made, and after a rotation."""
    document = webhook_document(webhook)
    return {"id": webhook.id, "secret": webhook.secrets[0], **document}
