"""POST /sms/preview: what a send would do now, without sending."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.requests.json_body import body
from api.requests.models import Rules, preview_request
from api.responses.errors import refusal
from api.responses.serializers import respond, success
from config.settings import ApiSettings

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway
    from gatewayd.sending.preview import Preview


def endpoints(gateway: Gateway, settings: ApiSettings) -> Blueprint:
    """The endpoint that previews a message."""
    blueprint = Blueprint("preview", __name__)
    rules = Rules(gateway.e164, settings.bulk_max)

    @blueprint.post("/sms/preview")
    def preview() -> Response:
        caller = authenticate(gateway)
        raw = body(request.environ, partial(request.get_data, cache=False))
        draft, options = preview_request(raw, rules)
        return respond(success(preview_document(gateway.preview(caller, draft, options))))

    return blueprint


def preview_document(found: Preview) -> dict[str, Any]:
    """`data` of a preview."""
    sim = found.sim
    return found.text.document | {
        "cost": found.cost,
        "sim": None if sim is None else {"id": sim.id, "number": sim.number, "operator": sim.operator},
        "refusal": None if found.refusal is None else refusal(found.refusal).code,
    }
