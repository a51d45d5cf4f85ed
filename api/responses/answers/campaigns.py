"""Answers about campaigns and opt-outs, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from api.responses.answers.envelope import Page, Shape, Success, Time


class Campaign(Shape):
    """The messages of a campaign."""

    campaign_id: int
    total: int
    pending: int
    sent: int
    delivered: int
    failed: int
    cancelled: int
    parts: int
    cost: float
    first_at: Time
    last_at: Time


class CampaignAnswer(Success):
    """One campaign."""

    data: Campaign


class CampaignCancelled(Shape):
    """The result of cancelling a campaign."""

    cancelled: int
    """The messages that are cancelled by this request."""
    complete: bool
    """Whether no further message of the campaign can be cancelled; if not, repeat the request."""


class CampaignCancelAnswer(Success):
    """The messages that no modem had yet are cancelled."""

    data: CampaignCancelled


class OptOut(Shape):
    """A number that wants no campaigns of the company, with the evidence."""

    recipient: str
    opted_out_at: Time
    source: Literal["text", "api", "cli", "dashboard"]
    reason: str | None
    message: str | None
    """The words of the text that opted out."""
    inbox_id: int | None


class OptOutAnswer(Success):
    """One opt-out."""

    data: OptOut


class OptOutsAnswer(Page):
    """A page of opt-outs, newest first."""

    data: list[OptOut]
