"""The form that searches messages: its fields become the arguments of the command `message.search`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from api.dashboard.message_words import STATUSES

FIELDS: Final = ("number", "text", "status", "from", "to", "reference", "campaign", "sim", "company")
"""The names of the fields."""

LESS_USED: Final = ("reference", "campaign", "sim", "company")
"""Fields that the page shows on demand."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = 255


def given(query: Mapping[str, str]) -> dict[str, str]:
    """The fields that have a value, as they were typed."""
    values = {name: query.get(name, "").strip()[:_LONGEST] for name in FIELDS}
    return {name: value for name, value in values.items() if value}


def arguments(fields: Mapping[str, str], zone: ZoneInfo) -> dict[str, object]:
    """The arguments for the fields. A field that cannot be read, as of an address that was changed by hand, is left out."""
    found: dict[str, object] = {
        name: fields[name] for name in ("number", "text", "reference") if name in fields
    }
    if fields.get("status") in STATUSES:
        found["status"] = fields["status"]
    for name in ("campaign", "sim", "company"):
        value = whole_number(fields.get(name, ""))
        if value is not None and (value >= 0 or name == "campaign"):
            found[name] = value
    first, last = (day_of(fields.get(name, "")) for name in ("from", "to"))
    if first is not None:
        found["since"] = beginning_of(first, zone)
    if last is not None:
        found["until"] = beginning_of(last + timedelta(days=1), zone)
    return found


def whole_number(text: str) -> int | None:
    """A whole number that the store can hold; None: it is none."""
    try:
        value = int(text) if text.isascii() and len(text) <= 20 and "_" not in text else None
    except ValueError:
        return None
    return value if value is not None and -(2**63) <= value < 2**63 else None


def day_of(text: str) -> date | None:
    """A day as a browser writes it (`YYYY-MM-DD`), of this era; None: it is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date(1970, 1, 2) <= day <= date(9990, 1, 1) else None


def beginning_of(day: date, zone: ZoneInfo) -> int:
    """The first moment of a day in the time zone of the box, in microseconds since the epoch."""
    return (datetime.combine(day, time(), zone) - _EPOCH) // _MICROSECOND


def moment_of(text: str, zone: ZoneInfo) -> int | None:
    """A local time as a browser writes it (`YYYY-MM-DDTHH:MM`), in microseconds since the epoch; None: it is none."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    if local.tzinfo is not None or not 1970 < local.year < 9990:
        return None
    return (local.replace(tzinfo=zone) - _EPOCH) // _MICROSECOND
