"""POST /sms/preview: what a send would do now, without sending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Body, Operation, Tag, described
from api.requests.json_body import request_body
from api.requests.models import PreviewBody, Rules, preview_request
from api.responses.answers.preview import PreviewAnswer
from api.responses.errors import refusal
from api.responses.serializers import respond, success
from config.settings import ApiSettings

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway
    from gatewayd.sending.preview import Preview


_PREVIEW = Operation(
    Tag.SENDING,
    "Preview a message",
    {
        200: Answer(
            "The result that a send would have now.",
            PreviewAnswer,
            {
                "an apostrophe that costs a part": {
                    "success": True,
                    "data": {
                        "encoding": "ucs2",
                        "parts": 2,
                        "characters": 79,
                        "units": 79,
                        "units_per_part": 67,
                        "units_left": 55,
                        "forcing": [
                            {
                                "character": "’",
                                "name": "RIGHT SINGLE QUOTATION MARK",
                                "positions": [1],
                                "suggestion": "'",
                            }
                        ],
                        "suggested_message": "L'équipe vous remercie",
                        "suggested_parts": 1,
                        "cost": 50,
                        "sim": {"id": 1, "number": "+22366603716", "operator": "Orange"},
                        "refusal": None,
                    },
                }
            },
        )
    },
    "Nothing is sent, kept or reserved.",
    body=Body(
        PreviewBody,
        {
            "a text": {"message": "L’équipe vous remercie"},
            "a message": {"recipient": "+22370123456", "message": "Bonjour", "priority": "bulk"},
        },
    ),
)


def endpoints(gateway: Gateway, settings: ApiSettings) -> Blueprint:
    """The endpoint that previews a message."""
    blueprint = Blueprint("preview", __name__)
    rules = Rules(gateway.e164, settings.bulk_max)

    @blueprint.post("/sms/preview")
    @described(_PREVIEW)
    def preview() -> Response:
        caller = authenticate(gateway)
        raw = request_body()
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
