"""Reads amounts of money, numbers of texts and end dates in the answers of operators. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# A number in a text: with or without spaces between thousands, and with points and commas.
_NUMBER = re.compile(r"(?:[0-9]{1,3}(?: [0-9]{3})+|[0-9]+)(?:[.,][0-9]+)*(?![0-9])")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}([.,])[0-9]{3}(?:\1[0-9]{3})*")

# A text that counts more than this is no bundle: SQLite's integers end at 2^63.
_MOST_UNITS = 10**12

# The names of months in French and English, without accents; a text may have their first letters alone.
_MONTHS: Final = (
    ("janvier", "january"),
    ("fevrier", "february"),
    ("mars", "march"),
    ("avril", "april"),
    ("mai", "may"),
    ("juin", "june"),
    ("juillet", "july"),
    ("aout", "august"),
    ("septembre", "september"),
    ("octobre", "october"),
    ("novembre", "november"),
    ("decembre", "december"),
)

DATE: Final = (
    r"(?:[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"|[0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:[0-9]{4}|[0-9]{2})(?![0-9])"
    r"|[0-9]{1,2}(?:er)? +[^\W\d_]{3,9}\.? +[0-9]{4})"
    r"(?:(?:,| à| a| at|T)? *[0-9]{1,2} ?[:hH] ?[0-9]{2}(?::[0-9]{2})?)?"
)
"""A regular expression for dates, with or without a time: 31/12/2026, 31-12-2026 23:59, 31 décembre 2026, 2026-12-31."""

_NUMERIC = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})(?![0-9])")
_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_IN_WORDS = re.compile(r"([0-9]{1,2})(?:er)? +([^\W\d_]{3,9})\.? +([0-9]{4})", re.IGNORECASE)
_TIME = re.compile(r"([0-9]{1,2}) ?[:hH] ?([0-9]{2})(?::[0-9]{2})?$")


@dataclass(frozen=True, slots=True)
class Reading:
    """The values in an answer. At least one of `amount` and `units` is known."""

    amount: float | None  # money
    units: int | None  # texts that are left in the bundle
    end: datetime | None  # the end of the bundle, in local time without a zone


def plain(text: str) -> str:
    """The text with a space for every kind of blank, because French separates thousands by no-break spaces; lines stay."""
    return re.sub(r"[^\S\n]", " ", text)


def read(text: str, pattern: re.Pattern[str]) -> Reading | None:
    """Read an answer with a pattern; None: it does not fit, so nothing is known.

    The groups `amount`, `units` and `end` of the pattern have these names; without any of them its first group is the amount.
    """
    found = pattern.search(plain(text))
    if found is None:
        return None
    groups = found.groupdict()
    if not groups.keys() & {"amount", "units", "end"}:
        groups = {"amount": found[1]}
    money, units, end = groups.get("amount"), groups.get("units"), groups.get("end")
    reading = Reading(
        None if money is None else amount(money),
        None if units is None else _units(units),
        None if end is None else moment(end),
    )
    told = (money, units, end)
    if any(
        text is not None and value is None
        for text, value in zip(told, (reading.amount, reading.units, reading.end), strict=True)
    ):
        return None
    return None if reading.amount is None and reading.units is None else reading


def amount(text: str) -> float | None:
    """An amount in French or English notation: `1 234`, `1.234,50`, `1,234.50`, `12,5`; None: no amount.

    A single point or comma before three digits separates thousands: `1.234` and `1,234` are the same. Of several numbers
    the last counts, because the currency follows it.
    """
    numbers = _NUMBER.findall(text)
    if not numbers:
        return None
    digits = numbers[-1].replace(" ", "")
    if _THOUSANDS.fullmatch(digits):
        return float(re.sub("[.,]", "", digits))
    whole, mark, fraction = digits.rpartition("," if digits.rfind(",") > digits.rfind(".") else ".")
    if not mark:
        return float(digits)
    if re.search("[.,]", whole) and not _THOUSANDS.fullmatch(whole):
        return None
    return float(re.sub("[.,]", "", whole) + "." + fraction)


def moment(text: str) -> datetime | None:
    """The local time that a text names, as `DATE` finds it; a day without a time lasts until its midnight. None: no date."""
    text = plain(text).strip()
    day = _day(text)
    if day is None:
        return None
    time = _TIME.search(text)
    try:
        if time is None:
            return day + timedelta(days=1)
        return day.replace(hour=int(time[1]), minute=int(time[2]))
    except (ValueError, OverflowError):
        return None


def _day(text: str) -> datetime | None:
    try:
        if found := _ISO.match(text):
            return datetime(int(found[1]), int(found[2]), int(found[3]))  # noqa: DTZ001 - local
        if found := _NUMERIC.match(text):
            year = int(found[3]) + (2000 if len(found[3]) == 2 else 0)
            return datetime(year, int(found[2]), int(found[1]))  # noqa: DTZ001
        if found := _IN_WORDS.match(text):
            month = _month(found[2])
            return None if month is None else datetime(int(found[3]), month, int(found[1]))  # noqa: DTZ001
    except ValueError:
        return None
    return None


def _month(word: str) -> int | None:
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    letters = "".join(char for char in decomposed if char.isascii() and char.isalpha())
    if len(letters) < 3:
        return None
    found = {
        number for number, names in enumerate(_MONTHS, 1) if any(name.startswith(letters) for name in names)
    }
    return found.pop() if len(found) == 1 else None


def _units(text: str) -> int | None:
    value = amount(text)
    return None if value is None or value > _MOST_UNITS else int(value)
