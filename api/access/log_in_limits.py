"""Limits of log-ins: wrong passwords by address and by login, and the passwords that are checked at the same time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Final

from api.access.rate_limit import WrongKeyLimit

# A person types two or three wrong passwords, and a program thousands.
_WRONG_BY_ADDRESS: Final = 10  # a minute
# Of all addresses together, for one login. An address from which the person is logged in does not count and is not held up:
# otherwise anybody could keep a person out by typing wrong passwords.
_WRONG_BY_LOGIN: Final = 30  # a minute

# One check takes a tenth of a second of a core and 16 MiB. Those that wait hold a thread of the server each.
_CHECKED_AT_ONCE: Final = 2
_WAITING: Final = 4
_LONGEST_WAIT_S: Final = 3.0


class TooManyLogInsError(Exception):
    """A log-in has to wait. `wait_s`: seconds until the next one may come."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


class LogInLimits:
    """Counts each attempt before its password is checked, so that many attempts at the same time count as many."""

    def __init__(self) -> None:
        self._by_address = WrongKeyLimit(_WRONG_BY_ADDRESS)
        self._by_login = WrongKeyLimit(_WRONG_BY_LOGIN)
        self._admitted = BoundedSemaphore(_CHECKED_AT_ONCE + _WAITING)
        self._checked = BoundedSemaphore(_CHECKED_AT_ONCE)

    def begin(self, address: str, login: str, *, known: bool) -> None:
        """Count an attempt. `known`: the person is logged in from this address. Raises TooManyLogInsError."""
        now = time.monotonic()
        if not known and (wait_s := self._by_login.seconds_left(login.casefold(), now)) > 0:
            raise TooManyLogInsError(wait_s)
        if (wait_s := self._by_address.wait_s(address, now)) > 0:
            raise TooManyLogInsError(wait_s)
        if not known and (wait_s := self._by_login.wait_s(login.casefold(), now)) > 0:
            raise TooManyLogInsError(wait_s)

    def succeeded(self, address: str, login: str, *, known: bool) -> None:
        """Take back the count of an attempt whose password was right."""
        self._by_address.take_back(address)
        if not known:
            self._by_login.take_back(login.casefold())

    @contextmanager
    def password_check(self) -> Iterator[None]:
        """The time in which a password is hashed. Raises TooManyLogInsError while too many others are."""
        if not self._admitted.acquire(blocking=False):
            raise TooManyLogInsError(_LONGEST_WAIT_S)
        try:
            if not self._checked.acquire(timeout=_LONGEST_WAIT_S):
                raise TooManyLogInsError(_LONGEST_WAIT_S)
            try:
                yield
            finally:
                self._checked.release()
        finally:
            self._admitted.release()
