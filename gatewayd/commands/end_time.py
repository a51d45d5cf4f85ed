"""Options that take a time, or a date or a time as the end of a period."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from config.language.text import Text
from gatewayd.commands.common import settings_of
from gatewayd.commands.invocation import localised

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    rf"({_DATE.pattern})[Tt ]([0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,6}})?)?)"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_HINT = Text("must be a date as 2027-01-31 or a time as 2027-01-31T12:00:00Z")


def end_time(text: str, zone: ZoneInfo) -> int:
    """Convert a date or time to the end that it names, in microseconds since the epoch.

    A date means the last microsecond of that day in `zone`. A time without an offset is local to `zone`.
    Raises ValueError with a sentence for the operator; a bare number is neither a date nor a time.
    """
    from gatewayd.timekeeping.clock import microseconds

    try:
        if _DATE.fullmatch(text):
            following = datetime.fromisoformat(text) + timedelta(days=1)
            return microseconds(following.replace(tzinfo=zone)) - 1
        found = _TIME.fullmatch(text)
        if found is None:
            raise ValueError(_HINT)
        day, time, offset = found.groups()
        moment = datetime.fromisoformat(f"{day}T{time}{(offset or '').upper()}")
        return microseconds(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError) as error:
        raise ValueError(_HINT) from error


def start_time(text: str, zone: ZoneInfo) -> int:
    """As `end_time`, but a date means the beginning of that day."""
    return end_time(f"{text}T00:00" if _DATE.fullmatch(text) else text, zone)


class EndTime(click.ParamType[Any]):
    """A date, which means the end of that day, or a time, in the configured time zone by default. Converts to microseconds."""

    name = "date or time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See `click.ParamType.convert`."""
        if ctx is None:
            raise TypeError("the context names the configuration, which holds the time zone")
        try:
            return self._converted(value, settings_of(ctx).numbers.zone)
        except ValueError as error:
            self.fail(localised(error), param, ctx)

    def _converted(self, text: str, zone: ZoneInfo) -> int:
        return end_time(text, zone)


class StartTime(EndTime):
    """As `EndTime`, but a date means the beginning of that day."""

    def _converted(self, text: str, zone: ZoneInfo) -> int:
        return start_time(text, zone)


class Time(click.ParamType[Any]):
    """A time, in the configured time zone by default. Converts to microseconds. A date alone names no time."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See `click.ParamType.convert`."""
        if _DATE.fullmatch(value):
            self.fail(localised(Text("must be a time as 2027-01-31T12:00:00Z")), param, ctx)
        return EndTime().convert(value, param, ctx)
