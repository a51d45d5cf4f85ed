"""Service centre time stamps: date and time in semi-octets, and the time zone (23.040, 9.2.3.11)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

# The number of two decimal semi-octets, by their octet; `_NO_DECIMAL` where they are no decimal digits.
_NO_DECIMAL = 0xFF
_DECIMALS = bytes(
    10 * (octet & 0x0F) + (octet >> 4) if octet & 0x0F < 10 and octet >> 4 < 10 else _NO_DECIMAL
    for octet in range(256)
)

_FIRST_OF_1900S = 70  # a two-digit year from here on is of the last century

# Time zones reach from 12 hours behind UTC to 14 hours ahead. A larger value is a garbled octet.
_MOST_BEHIND, _MOST_AHEAD = timedelta(hours=-12), timedelta(hours=14)


def time_stamp(stamp: bytes) -> datetime | None:
    """A service centre time stamp (23.040, 9.2.3.11); None where the seven octets are no date."""
    reading, zone = clock_reading(stamp), _ZONES[stamp[6]]
    return None if reading is None or zone is None else reading.replace(tzinfo=zone)


def clock_reading(stamp: bytes) -> datetime | None:
    """The date and time of a time stamp without its time zone; None where it is no date."""
    year, month, day, hour, minute, second, _ = stamp.translate(_DECIMALS)
    if year == _NO_DECIMAL:
        return None
    century = 1900 if year >= _FIRST_OF_1900S else 2000
    try:
        return datetime(century + year, month, day, hour, minute, second)  # noqa: DTZ001 - the zone is added
    except ValueError:  # also for values that are no decimal digits
        return None


def _zone(octet: int) -> timezone | None:
    """The time zone in quarters of an hour, bit 3 its sign (23.040, 9.2.3.11); None for digits that are not decimal."""
    tens, units = octet & 0x07, octet >> 4
    if units > 9:
        return None
    quarters = 10 * tens + units
    return timezone(timedelta(minutes=-15 * quarters if octet & 0x08 else 15 * quarters))


_ZONES = tuple(map(_zone, range(256)))


def zone_on_earth(octet: int) -> timezone | None:
    """The time zone; None where no place has it: two networks write octets such as E1 and C2."""
    zone = _ZONES[octet]
    on_earth = zone is not None and _MOST_BEHIND <= zone.utcoffset(None) <= _MOST_AHEAD
    return zone if on_earth else None


def aware(reading: datetime | None, zone: timezone | None) -> datetime | None:
    """A clock reading in its time zone; None where either is missing."""
    return None if reading is None or zone is None else reading.replace(tzinfo=zone)
