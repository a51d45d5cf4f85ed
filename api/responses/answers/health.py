"""Answers about the health of the box, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from api.responses.answers.envelope import Shape, Success


class HealthCheck(Shape):
    """One check of the box."""

    status: Literal["pass", "warn", "fail"]
    output: str


class Health(Shape):
    """The state of the box."""

    status: Literal["ok", "warn", "fail"]
    live: Literal[True]
    ready: bool
    """Whether messages are accepted."""
    checks: dict[str, HealthCheck]


class HealthAnswer(Success):
    """Messages are accepted."""

    data: Health


class HealthFailed(Shape):
    """No messages are accepted."""

    success: Literal[False]
    message: str
    error: Literal["storage_unavailable"]
    data: Health
