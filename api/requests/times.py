"""Parses dates and times of RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# RFC 3339, 5.6. A date alone or a number is refused: ISO 8601 reads 1796012912345 as a time of the year 1796.
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_HINT = "must be a date and time of RFC 3339, as 2025-10-30T14:30:00Z"


def rfc3339(text: str) -> int:
    """A date and time with an offset, in microseconds since the epoch, UTC. Raises ValueError with a text for the client."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(_HINT)
    day, hours, seconds, fraction, offset = found.groups()
    try:
        # A leap second (RFC 3339, 5.6) becomes the first second of the next minute: POSIX time does not count it.
        leap = timedelta(seconds=1) if seconds == "60" else timedelta()
        whole = "59" if leap else seconds
        zone = "+00:00" if offset in "Zz" else offset
        moment = datetime.fromisoformat(f"{day}T{hours}:{whole}{zone}") + leap
        return (moment - _EPOCH) // _MICROSECOND + int((fraction or "").ljust(6, "0")[:6])
    except (ValueError, OverflowError):
        raise ValueError(_HINT) from None
