"""Answers about webhooks, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from api.responses.answers.envelope import Page, Shape, Success, Time


class Webhook(Shape):
    """A URL to which events are posted."""

    id: int
    url: str
    types: list[str] | None
    """The types of events that it gets; null: all."""
    description: str
    scope: Literal["company", "box"]
    """`box`: the events of the box."""
    state: Literal["ok", "failing", "paused", "disabled"]
    reason: str | None
    """The reason of `paused` or `disabled`."""
    sandbox: bool
    """Whether it was made with a sandbox key."""
    created_at: Time
    last_success_at: Time | None
    last_failure_at: Time | None
    failing_since: Time | None
    old_secret_until: Time | None
    """The end of the secret before the last rotation."""


class WebhookWithSecret(Webhook):
    """A webhook and its new secret."""

    secret: str
    """Signs the requests; it is not shown again."""


class WebhookAnswer(Success):
    """One webhook."""

    data: Webhook


class WebhookSecretAnswer(Success):
    """One webhook and its new secret."""

    data: WebhookWithSecret


class WebhooksAnswer(Page):
    """The webhooks of the company."""

    data: list[Webhook]


class DeliveredEvent(Shape):
    """The event of a delivery."""

    id: str
    type: str
    timestamp: Time


class DeliveryAttempt(Shape):
    """One request to the receiver."""

    at: Time
    status_code: int | None
    """Null where no answer came."""
    duration_ms: int
    error: str | None
    """Null where it was delivered."""


class Delivery(Shape):
    """One event for one webhook."""

    event: DeliveredEvent
    status: Literal["pending", "delivered", "failed"]
    attempts: list[DeliveryAttempt]
    """Oldest first."""
    next_attempt_at: Time | None


class DeliveriesAnswer(Page):
    """A page of deliveries, newest event first."""

    data: list[Delivery]


class WebhookTest(Shape):
    """The result of a test."""

    status_code: int | None
    """Null where no answer came."""
    duration_ms: int
    error: str | None
    """Null where it was delivered."""
    response: str | None
    """The first 1000 characters of the answer, for administration keys."""


class WebhookTestAnswer(Success):
    """The result of a test."""

    data: WebhookTest


class Replay(Shape):
    """The result of a replay."""

    queued: int
    """The events that are sent again."""
    complete: bool
    """Whether these were all; if not, repeat the request with a later `since`."""


class ReplayAnswer(Success):
    """The result of a replay."""

    data: Replay
