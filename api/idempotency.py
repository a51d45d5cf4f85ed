"""Requests with an Idempotency-Key: the first answer is kept, and given again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flask import Response

from api.answers import respond_text
from api.formats import document
from gatewayd.errors import StorageUnavailableError
from gatewayd.views import Caller, Idempotency, Replay

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

REPLAYED: Mapping[str, str] = {"Idempotent-Replayed": "true"}

Answer = tuple[int, dict[str, Any]]
"""HTTP status and JSON document."""


def replay(kept: Replay) -> Response:
    """The first answer, again."""
    return respond_text(kept.body, kept.http_status, REPLAYED)


def first_answer(
    gateway: Gateway,
    who: Caller,
    idempotency: Idempotency | None,
    build: Callable[[], Answer],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer a request whose messages are kept, and keep the answer where the request has a key."""
    if idempotency is None:
        status, content = build()
        return respond_text(document(content), status, headers)
    kept = False
    try:
        status, content = build()
        body = document(content)
        # The messages are taken: that the answer cannot be kept is no reason to deny it. It can be built again.
        with suppress(StorageUnavailableError):
            gateway.answered(who, idempotency, status, body)
            kept = True
    finally:
        if not kept:
            gateway.abandoned(who, idempotency)
    return respond_text(body, status, headers)
