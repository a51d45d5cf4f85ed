"""Requests with an Idempotency-Key: the first response is stored and repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from api.responses.json_format import document
from api.responses.response import JsonResponse
from gatewayd.errors import StorageUnavailableError
from gatewayd.records import Caller, Idempotency, Replay

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

REPLAYED: Mapping[str, str] = {"Idempotent-Replayed": "true"}

StatusAndDocument = tuple[int, dict[str, Any]]
"""HTTP status and JSON document."""


def replay(first: Replay) -> JsonResponse:
    """The stored first response."""
    return JsonResponse(first.http_status, first.body, REPLAYED)


def first_response(
    gateway: Gateway,
    caller: Caller,
    idempotency: Idempotency | None,
    build: Callable[[], StatusAndDocument],
    headers: Mapping[str, str] | None = None,
) -> JsonResponse:
    """The response to a request whose messages are stored. It is stored too if the request has an idempotency key."""
    if idempotency is None:
        status, content = build()
        return JsonResponse(status, document(content), headers)
    stored = False
    try:
        status, content = build()
        body = document(content)
        # The messages are stored, so the client gets the response even if it cannot be stored. It can be built again.
        with suppress(StorageUnavailableError):
            gateway.answered(caller, idempotency, status, body)
            stored = True
    finally:
        if not stored:
            gateway.abandoned(caller, idempotency)
    return JsonResponse(status, body, headers)
