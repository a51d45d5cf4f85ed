"""The data of errors, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from api.responses.answers.envelope import Shape, Time


class Fault(Shape):
    """One fault of a request."""

    field: str
    """The path of a field, as `messages.3.recipient`; `body` for the body as a whole."""
    message: str


class Faults(Shape):
    """Every fault of a request."""

    errors: list[Fault]


class KeyState(Shape):
    """The state of a key that is not valid."""

    expired: bool
    deactivated: bool
    expires_date: Time | None
    active: bool


class ServiceMismatch(Shape):
    """The service of the key, and that of the endpoint."""

    api_key_service: str
    requested_service: str


class QuotaExceeded(Shape):
    """The quota that is too small."""

    service_type: Literal["sms"]
    requested: int
    remaining: int
    total_quota: int
    usage_percentage: float


class UssdFailure(Shape):
    """The end of a USSD session without a result."""

    port: int
    answer: str
    session: str
