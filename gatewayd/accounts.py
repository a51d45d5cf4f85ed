"""API keys, and who may come in with one."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from gatewayd.clock import Clock
from gatewayd.errors import (
    CompanyNotFoundError,
    InactiveCompanyError,
    InactiveKeyError,
    ServiceMismatchError,
    UnknownKeyError,
)
from gatewayd.store import accounts
from gatewayd.store.store import Store
from gatewayd.views import Caller

SERVICES = ("sms", "email", "whatsapp")

# So much of a key is kept as it is, for a person to know it by; the 32 random bytes behind it stay secret.
_PREFIX_LENGTH = 10


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the only time that it is seen."""

    key: str
    prefix: str
    digest: bytes


def new_key() -> NewKey:
    """A random key."""
    key = f"gw_{secrets.token_urlsafe(32)}"
    return NewKey(key, key[:_PREFIX_LENGTH], _digest(key))


class Doorkeeper:
    """Checks keys. What changes in the store acts at once: nothing is remembered between requests."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def authenticate(self, key: str, service: str) -> Caller:
        """Who comes with this key, for this service.

        Raises, in this order: UnknownKeyError, InactiveKeyError, CompanyNotFoundError, InactiveCompanyError,
        ServiceMismatchError.
        """
        with self._store.readers.lend() as db:
            found = accounts.find_key(db, _digest(key))
        if found is None:
            raise UnknownKeyError
        expired = found.expires_at is not None and found.expires_at <= self._clock.latest()
        if expired or not found.active:
            raise InactiveKeyError(expired=expired, active=found.active, expires_at=found.expires_at)
        if found.company_active is None:
            raise CompanyNotFoundError
        if not found.company_active:
            raise InactiveCompanyError
        if found.service != service:
            raise ServiceMismatchError(key_service=found.service, requested=service)
        return Caller(found.id, found.company_id, found.admin)


def _digest(key: str) -> bytes:
    # Keys are 32 random bytes: there is nothing to guess from a plain hash, and nothing to salt. The look-up by
    # hash also compares in no time that tells anything of the key.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
