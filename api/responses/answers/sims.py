"""Answers about SIMs and quotas, for the OpenAPI document."""

from __future__ import annotations

from api.responses.answers.envelope import Shape, Success, Time


class Sim(Shape):
    """A SIM."""

    id: int
    number: str
    name: str
    operator: str


class AssignedSim(Sim):
    """The company's default SIM, else its lowest id."""

    can_send_sms: bool


class UsageStats(Shape):
    """The messages of a SIM."""

    today_sent: int
    today_failed: int
    this_month_sent: int


class AvailableSim(Sim):
    """A SIM that the company may use."""

    port: int
    slot: int
    is_default: bool
    balance: float
    """The last balance that was read; 0 where none was."""
    daily_limit: int | None
    monthly_limit: int | None
    usage_stats: UsageStats
    can_send_sms: bool
    """Enabled, within its limits, and ready now."""
    assigned_to: str | None
    """The name of its company."""
    balance_at: Time | None
    bundle_units: int | None
    """The texts left in the bundle; null where the operator does not tell it."""
    bundle_end: Time | None
    box: str = ""
    """The box that has it; only where several boxes share a queue."""


class Sims(Shape):
    """The SIMs of a company."""

    assigned_sim: AssignedSim | None
    available_sims: list[AvailableSim]
    total_available: int


class SimsAnswer(Success):
    """The SIMs that the company may use."""

    data: Sims


class Quota(Shape):
    """The quota of this month."""

    total_quota: int | None
    """Null: unlimited."""
    sent_this_month: int
    remaining: int | None
    usage_percentage: float
    resets_at: Time


class QuotaAnswer(Success):
    """The quota of the company."""

    data: Quota
