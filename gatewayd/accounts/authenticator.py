"""API keys: making them, and checking them."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from gatewayd.errors import (
    CompanyNotFoundError,
    InactiveCompanyError,
    InactiveKeyError,
    ServiceMismatchError,
    UnknownKeyError,
)
from gatewayd.records import Caller
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts
from gatewayd.store.tables.accounts import KnownKey
from gatewayd.timekeeping.clock import Clock

SERVICES = ("sms", "email", "whatsapp")

# This many characters of a key are stored readable, to identify it; the 32 random bytes after them stay secret.
_PREFIX_LENGTH = 10

# A key is not read again for this time, in which a client may send hundreds of requests. A change of the database that
# does not come through the commands takes effect after it at the latest.
_REMEMBERED_S = 1.0


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key. The key itself is shown only once; the store keeps its hash."""

    key: str
    prefix: str
    digest: bytes


def new_key() -> NewKey:
    """A random key."""
    key = f"gw_{secrets.token_urlsafe(32)}"
    return NewKey(key, key[:_PREFIX_LENGTH], _digest(key))


class Authenticator:
    """Checks keys. A key that was read is cached for at most a second, and until `forget`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._found: dict[
            bytes, tuple[KnownKey, float]
        ] = {}  # hash → its row, and until when it is valid (monotonic)

    def forget(self) -> None:
        """Drop the cache: keys or companies were changed durably, and the next requests must see the change."""
        self._found = {}

    def authenticate(self, key: str, service: str) -> Caller:
        """The caller with this key, for this service.

        Raises, in this order: UnknownKeyError, InactiveKeyError, CompanyNotFoundError, InactiveCompanyError,
        ServiceMismatchError.
        """
        found = self._find(_digest(key))
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
        return Caller(found.id, found.company_id, found.admin, found.rights, found.sandbox)

    def _find(self, digest: bytes) -> KnownKey | None:
        found, now = (
            self._found,
            self._clock.monotonic(),
        )  # taken before the read: a late result goes to a cache that was dropped
        if (known := found.get(digest)) is not None and now < known[1]:
            return known[0]
        with self._store.readers.lend() as db:
            row = accounts.find_key(db, digest)
        if row is not None:
            found[digest] = (row, now + _REMEMBERED_S)
        return row


def _digest(key: str) -> bytes:
    # Keys are 32 random bytes: a plain hash reveals nothing, and a salt is not needed. The time of a look-up by hash does not
    # depend on the key.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
