"""Requests with an Idempotency-Key: the first answer is kept, and given again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from api.responses.json_format import document
from api.responses.response import Reply
from gatewayd.errors import StorageUnavailableError
from gatewayd.records import Caller, Idempotency, Replay

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

REPLAYED: Mapping[str, str] = {"Idempotent-Replayed": "true"}

Answer = tuple[int, dict[str, Any]]
"""HTTP status and JSON document."""


def replay(kept: Replay) -> Reply:
    """The first answer, again."""
    return Reply(kept.http_status, kept.body, REPLAYED)


def first_answer(
    gateway: Gateway,
    who: Caller,
    idempotency: Idempotency | None,
    build: Callable[[], Answer],
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Answer a request whose messages are kept, and keep the answer where the request has a key."""
    if idempotency is None:
        status, content = build()
        return Reply(status, document(content), headers)
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
    return Reply(status, body, headers)
