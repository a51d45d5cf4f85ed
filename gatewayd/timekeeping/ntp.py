"""Whether the system clock is synchronised, as the kernel tells it (adjtimex(2)).

Whoever disciplines the clock (systemd-timesyncd, chrony, ntpd) clears the kernel's STA_UNSYNC; setting the clock by hand
or 16 s of possible error, some nine hours after the last answer of a server, set it again. A container
shares the clock of its host and may ask, too. Where a sandbox forbids the call (systemd's `ProtectClock=`), nothing is known.
"""

from __future__ import annotations

import ctypes
from typing import Final

_TIME_ERROR: Final = 5
_STA_UNSYNC: Final = 0x40


class _Timex(ctypes.Structure):
    """The head of `struct timex`, the same on every architecture; the call fills in more behind it."""

    _fields_ = (
        ("modes", ctypes.c_uint),  # 0: only ask
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


_libc = ctypes.CDLL(None)


def synchronised() -> bool:
    """Whether the kernel says so. False where it may not be asked."""
    told = _Timex()
    state: int = _libc.adjtimex(ctypes.byref(told))
    return 0 <= state != _TIME_ERROR and not told.status & _STA_UNSYNC
