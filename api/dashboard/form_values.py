"""Values of the form that a person sent. Each function raises AdminError with a sentence where a value cannot be used."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import request

from config.language.text import Text
from gatewayd.errors import AdminError
from gatewayd.timekeeping.clock import SECOND

ROW_ID: Final = "int(max=9223372036854775807)"
"""The id of a row in the rule of an address: SQLite ids have 63 bits."""

_MOST_DIGITS = 16


def text(name: str) -> str:
    """A field without the blanks around it; "" where the form has none."""
    return request.form.get(name, "").strip()


def checked(name: str) -> bool:
    """Whether a checkbox is checked."""
    return name in request.form


def whole_number(name: str, label: str) -> int | None:
    """A whole number that is 0 or more; None for an empty field. `label`: of the field, for the sentence."""
    given = "".join(text(name).split())
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > _MOST_DIGITS:
        raise AdminError(Text("{field}: this must be a whole number, or empty.", field=label))
    return int(given)


def start_of_day(name: str, label: str, zone: ZoneInfo) -> int | None:
    """The start of a day (YYYY-MM-DD) of the box's time zone, in microseconds since the epoch; None for an empty field."""
    return _midnight(name, label, zone, days_later=0)


def end_of_day(name: str, label: str, zone: ZoneInfo) -> int | None:
    """As `start_of_day`, but the end of the day."""
    return _midnight(name, label, zone, days_later=1)


def _midnight(name: str, label: str, zone: ZoneInfo, *, days_later: int) -> int | None:
    given = text(name)
    if not given:
        return None
    try:
        day = date.fromisoformat(given) + timedelta(days=days_later)
        moment = int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
    except (ValueError, OverflowError) as error:
        raise AdminError(
            Text("{field}: this must be a day, as 2027-01-31, or empty.", field=label)
        ) from error
    return max(moment, 0) * SECOND
