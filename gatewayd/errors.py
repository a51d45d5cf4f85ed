"""The errors of the gateway, by what the caller can do about them.

Each error has its facts as attributes; its docstring is its default message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from config.language.text import Text
from gatewayd.store.engine.errors import StoreUnavailableError


class GatewayError(Exception):
    """The gateway refused the request."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or Text((self.__doc__ or "").split("\n")[0]))


class UnknownKeyError(GatewayError):
    """API key is invalid"""


class InactiveKeyError(GatewayError):
    """API key has expired or is deactivated"""

    def __init__(self, *, expired: bool, active: bool, expires_at: int | None) -> None:
        super().__init__(Text("API key has expired") if active else Text("API key is deactivated"))
        self.expired = expired
        self.active = active
        self.expires_at = expires_at  # microseconds since the epoch


class CompanyNotFoundError(GatewayError):
    """Company not found for this API key"""


class InactiveCompanyError(GatewayError):
    """Company account is inactive"""


class ServiceMismatchError(GatewayError):
    """API key is not valid for this service type"""

    def __init__(self, *, key_service: str, requested: str) -> None:
        super().__init__()
        self.key_service = key_service
        self.requested = requested


class AdminRequiredError(GatewayError):
    """An administration key is required"""


class NotPermittedError(GatewayError):
    """The API key lacks a right"""

    def __init__(self, right: str) -> None:
        super().__init__(
            Text("This API key lacks the right `{right}`: `gatewayd key set` gives it", right=right)
        )
        self.right = right


class OptedOutError(GatewayError):
    """The recipient has opted out of messages from this company"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request: its field (a path; `body`: the whole request), and how to correct it."""

    field: str
    message: str


def told(fault: Fault) -> Text:
    """A fault as a sentence for a person."""
    return Text("{field} {message}", field=fault.field, message=fault.message)


class InvalidRequestError(GatewayError):
    """Request validation failed"""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__()
        self.faults = faults


class QuotaExceededError(GatewayError):
    """Quota exceeded"""

    def __init__(self, *, requested: int, remaining: int, total: int, used: int, resets_in_s: int) -> None:
        super().__init__()
        self.requested = requested
        self.remaining = remaining
        self.total = total
        self.used = used
        self.resets_in_s = resets_in_s


class SimUnavailableError(GatewayError):
    """No available SIM for sending"""


class NotFoundError(GatewayError):
    """Not found"""


class ConflictError(GatewayError):
    """The request conflicts with the present state"""

    def __init__(self, message: str | None = None, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UssdFailedError(GatewayError):
    """The network did not answer the code"""

    def __init__(self, message: str, *, port: int, answer: str = "", session: str = "failed") -> None:
        super().__init__(message)
        self.port = port
        self.answer = answer
        self.session = session


class IdempotencyMismatchError(GatewayError):
    """This Idempotency-Key was used before with another body"""


class QueueFullError(GatewayError):
    """Too many messages are waiting already"""

    retry_after_s = 60


class StorageUnavailableError(GatewayError):
    """The gateway cannot store anything now; nothing was accepted"""

    retry_after_s = 30


class AdminError(Exception):
    """An administration command failed; the text gives the reason and the remedy."""


class WrongUseError(AdminError):
    """An argument of an administration command can never be right. The command line exits with 2."""


class NoDaemonError(AdminError):
    """The command needs a running daemon."""


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raise StorageUnavailableError where the store raises StoreUnavailableError."""
    try:
        yield
    except StoreUnavailableError as error:
        raise StorageUnavailableError from error
