"""Answers about messages, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from api.responses.answers.envelope import Page, Shape, Success, Time


class Message(Shape):
    """A message as its company sees it."""

    sms_id: str
    recipient: str
    sender: str
    """The number of the SIM."""
    message: str
    status: Literal["pending", "sent", "delivered", "failed", "cancelled"]
    """pending → sent, failed or cancelled; sent → delivered or failed."""
    status_label: str
    sent_at: Time | None
    delivered_at: Time | None
    failed_at: Time | None
    failure_reason: str | None
    """The reason in English and in French, separated by ` / `."""
    cost: float
    """The SIM's price for one part times the parts."""
    retry_count: int
    """The attempts after the first."""
    sim_number: str
    in_doubt: bool
    """Whether it is unknown if the network took a part."""
    campaign_id: int | None
    reference: str | None
    """The client's own id."""
    parts: int
    created_at: Time
    send_at: Time | None
    """The time before which it is not sent."""
    expires_at: Time | None
    """It fails if it was not sent by then."""
    sandbox: bool
    """Whether it was sent with a sandbox key, by no modem."""


class Attempt(Shape):
    """One submission of one part that has ended."""

    part: int
    """From 1."""
    at: Time
    sim_number_id: int
    sim_number: str
    port: int | None
    outcome: Literal["sent", "refused", "in_doubt"]
    code: str | None
    """The modem's error code; null where it gave none."""
    meaning: str
    meaning_fr: str


class MessageWithAttempts(Message):
    """A message and its attempts, oldest first."""

    attempts: list[Attempt]


class MessageAnswer(Success):
    """One message."""

    data: MessageWithAttempts


class MessagesAnswer(Page):
    """A page of messages, newest first."""

    data: list[Message]
