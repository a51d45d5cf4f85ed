"""API keys, and who may come in with one."""

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

# So much of a key is kept as it is, for a person to know it by; the 32 random bytes behind it stay secret.
_PREFIX_LENGTH = 10

# For so long a key is not looked up again: a client that sends many messages comes hundreds of times in it. It bounds what a
# change counts for that came from elsewhere than the commands, from a person with a shell on the file.
_REMEMBERED_S = 1.0


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


class Authenticator:
    """Checks keys. What was found of one is remembered for a second at most, and until `forget`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._found: dict[
            bytes, tuple[KnownKey, float]
        ] = {}  # by hash: what is kept, and until when (monotonic)

    def forget(self) -> None:
        """Keys or companies were changed, durably: whoever comes from now on is judged by what is kept now."""
        self._found = {}

    def authenticate(self, key: str, service: str) -> Caller:
        """Who comes with this key, for this service.

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
        return Caller(found.id, found.company_id, found.admin)

    def _find(self, digest: bytes) -> KnownKey | None:
        found, now = (
            self._found,
            self._clock.monotonic(),
        )  # before the look: what it finds late goes where nobody looks
        if (known := found.get(digest)) is not None and now < known[1]:
            return known[0]
        with self._store.readers.lend() as db:
            row = accounts.find_key(db, digest)
        if row is not None:
            found[digest] = (row, now + _REMEMBERED_S)
        return row


def _digest(key: str) -> bytes:
    # Keys are 32 random bytes: there is nothing to guess from a plain hash, and nothing to salt. The look-up by
    # hash also compares in no time that tells anything of the key.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
