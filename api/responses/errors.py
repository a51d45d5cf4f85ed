"""From the gateway's errors to HTTP statuses and codes: one table, and the envelope of every error."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed

from api.responses.json_format import timestamp
from gatewayd.errors import (
    AdminRequiredError,
    CompanyNotFoundError,
    ConflictError,
    Fault,
    GatewayError,
    IdempotencyMismatchError,
    InactiveCompanyError,
    InactiveKeyError,
    InvalidRequestError,
    NotFoundError,
    NotPermittedError,
    OptedOutError,
    QueueFullError,
    QuotaExceededError,
    ServiceMismatchError,
    SimUnavailableError,
    StorageUnavailableError,
    UnknownKeyError,
    UssdFailedError,
)

log = logging.getLogger(__name__)


class MissingKeyError(GatewayError):
    """API key not provided"""


class InternalError(GatewayError):
    """Internal error"""


class EncodedBodyError(InvalidRequestError):
    """The body is encoded, and the gateway accepts only unencoded bodies"""

    def __init__(self, sentence: str) -> None:
        super().__init__([Fault("body", sentence)])


class TooManyWaitingError(QueueFullError):
    """Too many requests already wait for the modems; try again later"""

    retry_after_s = 5


class AddressNotAllowedError(GatewayError):
    """Requests from this address are not allowed"""


class TooMuchInWorkError(QueueFullError):
    """Too many large requests are being processed; try again later"""

    retry_after_s = 5


class TooManyRequestsError(GatewayError):
    """Too many wrong API keys came from this address; a valid key is accepted at once"""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Refusal:
    """The content of an error response: status, code, message, data and headers."""

    status: int
    code: str
    message: str  # for a person
    data: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def envelope(self) -> dict[str, Any]:
        """The JSON document of every error."""
        return {"success": False, "message": self.message, "error": self.code, "data": self.data}


ERRORS: Mapping[type[GatewayError], tuple[int, str]] = {
    MissingKeyError: (401, "missing_api_key"),
    UnknownKeyError: (401, "invalid_api_key"),
    InactiveKeyError: (401, "inactive_api_key"),
    CompanyNotFoundError: (500, "company_not_found"),
    InactiveCompanyError: (403, "inactive_company"),
    ServiceMismatchError: (403, "service_type_mismatch"),
    AdminRequiredError: (403, "admin_required"),
    NotPermittedError: (403, "not_permitted"),
    OptedOutError: (400, "opted_out"),
    InvalidRequestError: (400, "invalid_request"),
    EncodedBodyError: (415, "invalid_request"),
    TooManyWaitingError: (503, "queue_full"),
    TooMuchInWorkError: (503, "queue_full"),
    QuotaExceededError: (429, "quota_exceeded"),
    SimUnavailableError: (400, "sim_unavailable"),
    NotFoundError: (404, "not_found"),
    ConflictError: (409, "conflict"),
    UssdFailedError: (500, "send_failed"),
    IdempotencyMismatchError: (422, "idempotency_mismatch"),
    QueueFullError: (503, "queue_full"),
    StorageUnavailableError: (503, "storage_unavailable"),
    AddressNotAllowedError: (403, "address_not_allowed"),
    TooManyRequestsError: (429, "too_many_requests"),
    InternalError: (500, "internal_error"),
}
"""HTTP status and code of each error."""


def unexpected_refusal(error: Exception) -> Refusal:
    """Log an exception that no endpoint expects. Returns the refusal that the client gets."""
    log.error("A request ended in an unexpected error", exc_info=error)
    return refusal(InternalError())


def status_and_code(kind: type[GatewayError]) -> tuple[int, str]:
    """The HTTP status and error code of an exception class. A class outside the table counts as internal error."""
    return ERRORS.get(kind, ERRORS[InternalError])


def refusal(error: GatewayError) -> Refusal:
    """The refusal for an error of the gateway."""
    if type(error) not in ERRORS:
        error = InternalError()
    status, code = status_and_code(type(error))
    return Refusal(status, code, str(error), _data(error), _headers(error, status))


def http_refusal(error: HTTPException) -> Refusal:
    """The refusal for a request that reached no endpoint: unknown path, wrong method, body too large."""
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        message = f"This address takes {allowed} only" if allowed else "Method not allowed"
        return Refusal(405, "method_not_allowed", message, headers={"Allow": allowed})
    return status_refusal(error.code or 500)


def status_refusal(status: int) -> Refusal:
    """The refusal for an HTTP status, where nothing else is known."""
    match status:
        case 404:
            return Refusal(404, "not_found", "There is nothing at this address")
        case 413:
            return Refusal(413, "payload_too_large", "The body is too large")
        case _ if status < 500:
            return malformed(400, "The request is not HTTP/1.1 that this server understands")
        case _:
            return refusal(InternalError())


def malformed(status: int, message: str) -> Refusal:
    """The refusal for a request that breaks HTTP."""
    return Refusal(status, "invalid_request", message, _fault_data([Fault("request", message)]))


def _fault_data(faults: Sequence[Fault]) -> dict[str, Any]:
    return {"errors": [{"field": fault.field, "message": fault.message} for fault in faults]}


def _data(error: GatewayError) -> dict[str, Any]:
    match error:
        case InvalidRequestError():
            return _fault_data(error.faults)
        case InactiveKeyError():
            return {
                "expired": error.expired,
                "deactivated": not error.active,
                "expires_date": timestamp(error.expires_at),
                "active": error.active,
            }
        case UssdFailedError():
            return {"port": error.port, "answer": error.answer, "session": error.session}
        case ServiceMismatchError():
            return {"api_key_service": error.key_service, "requested_service": error.requested}
        case QuotaExceededError():
            share = round(100.0 * error.used / error.total, 2) if error.total else 100.0
            return {
                "service_type": "sms",
                "requested": error.requested,
                "remaining": error.remaining,
                "total_quota": error.total,
                "usage_percentage": share,
            }
        case _:
            return {}


def _headers(error: GatewayError, status: int) -> dict[str, str]:
    match error:
        case QuotaExceededError():
            return {"Retry-After": str(error.resets_in_s)}
        case QueueFullError() | StorageUnavailableError() | TooManyRequestsError():
            return {"Retry-After": str(error.retry_after_s)}
        case ConflictError(retry_after_s=int(seconds)):
            return {"Retry-After": str(seconds)}
        case EncodedBodyError():
            return {"Accept-Encoding": "identity"}  # RFC 9110, 12.5.3
        case _ if status == 401:
            return {"WWW-Authenticate": "Bearer"}  # RFC 9110, 15.5.2: a 401 names a scheme
        case _:
            return {}
