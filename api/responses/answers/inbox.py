"""Answers about received texts, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from api.responses.answers.envelope import Page, Shape, Success, Time


class Text(Shape):
    """A received text."""

    id: int
    sender: str
    """A number, a short code or a name."""
    message: str
    """The text; hexadecimal where `encoding` is `8bit`."""
    received_at: Time
    sent_at: Time | None
    """The time when the network took it; null where the network gave no possible date."""
    sim_number: str
    sim_number_id: int
    incomplete: bool
    """Whether parts are missing; `[…]` stands for each hole."""
    kind: Literal["text", "data"]
    """`data`: content for a program, not for a person."""
    encoding: Literal["gsm7", "ucs2", "8bit"] | None
    port_number: int | None
    """The application port of data."""
    read: bool
    """Whether a program marked it as read."""


class TextAnswer(Success):
    """One text."""

    data: Text


class InboxAnswer(Page):
    """A page of texts, newest first."""

    data: list[Text]
