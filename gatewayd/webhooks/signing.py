"""Signatures of Standard Webhooks 1.0.0: HMAC-SHA256 with a secret that the receiver knows."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

_PREFIX: Final = "whsec_"
_BYTES: Final = 32  # the specification allows 24 to 64


def new_secret() -> str:
    """A random secret: `whsec_` and the base64 of 32 bytes."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode("ascii")


def signed_headers(known: Sequence[str], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a request. `known`: the secrets that sign, newest first; `timestamp`: seconds since the epoch.

    Raises ValueError if a secret is not one of `new_secret`.
    """
    content = f"{event_id}.{timestamp}.".encode("ascii") + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_signature(secret, content)}" for secret in known),
    }


def _signature(secret: str, content: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is damaged: make a new one with `gatewayd webhook rotate`") from error
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode("ascii")
