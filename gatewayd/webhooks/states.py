"""The states of a webhook: ok → failing → paused, and back to ok with a success. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gatewayd.store.tables.webhooks import Progress
from gatewayd.timekeeping.clock import DAY

OK: Final = "ok"
FAILING: Final = "failing"
PAUSED: Final = "paused"
DISABLED: Final = "disabled"

GONE: Final = "gone"
"""Paused because the receiver answered 410 (RFC 9110, 15.5.11)."""

LONG_FAILING: Final = "failing"
"""Paused because the first failure is `_PATIENCE` old, and no success came since."""

KEY_DEACTIVATED: Final = "key_deactivated"
"""Disabled because its key was deactivated."""

_PATIENCE: Final = 5 * DAY


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a webhook with its reason, and its progress."""

    state: str
    paused_for: str | None
    progress: Progress


def after_success(health: Health, now: int) -> Health:
    """The health after a delivery. A paused webhook is ok again."""
    progress = replace(health.progress, failing_since=None, missed_from=None, last_success_at=now)
    return Health(OK, None, progress)


def after_failure(health: Health, now: int, number: int, *, gone: bool) -> Health:
    """The health after a failed attempt for the event with this number."""
    before = health.progress
    since = now if before.failing_since is None else before.failing_since
    missed = number if before.missed_from is None else min(before.missed_from, number)
    progress = replace(before, failing_since=since, missed_from=missed, last_failure_at=now)
    if health.state == PAUSED:
        return replace(health, progress=progress)
    if gone:
        return Health(PAUSED, GONE, progress)
    if now - since >= _PATIENCE:
        return Health(PAUSED, LONG_FAILING, progress)
    return Health(FAILING, None, progress)
