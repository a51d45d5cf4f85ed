"""When a delivery is tried again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from gatewayd.timekeeping.clock import SECOND

LONGEST_RETRY_AFTER_S: Final = 36_000.0
"""Up to 10 h the wish of a receiver is followed."""

PROBE_S: Final = 3600.0
"""Between two attempts to a paused webhook."""

# A receiver that has failed so often in a row gets no more than one attempt in a while, whatever waits for it: an endpoint that
# is away for a day leaves some thousand failed attempts, not a million.
_FAILURES: Final = 10
_LONGEST_PAUSE_S: Final = 30.0

# Added to each wait, as a share of it, so that many deliveries that failed together do not come back together.
_JITTER: Final = 0.1

_BUSY: Final = (429, 502, 503, 504)  # their Retry-After counts


def wait_s(tries: int, retry_s: Sequence[float], chance: float) -> float | None:
    """Seconds until the next attempt after so many attempts; None: there is none. `chance`: random, 0 to 1."""
    return None if tries >= len(retry_s) else retry_s[tries] * (1 + _JITTER * chance)


def pause_s(failures: int) -> float:
    """Seconds until the next attempt to a receiver that has failed so often in a row, whatever the delivery."""
    return 0.0 if failures < _FAILURES else min(_LONGEST_PAUSE_S, 2.0 ** min(failures - _FAILURES, 10))


def retry_after_s(status: int | None, value: str | None, now: int) -> float:
    """Seconds for which a receiver wants to be left alone (RFC 9110, 10.2.3); 0 without a valid wish. `now`: microseconds."""
    if value is None or status not in _BUSY:
        return 0.0
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(LONGEST_RETRY_AFTER_S, float(text[:10]))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.fromtimestamp(now / SECOND, UTC)
    return max(0.0, min(LONGEST_RETRY_AFTER_S, seconds.total_seconds()))
