"""Asks the kernel whether the system clock is synchronised (adjtimex(2)).

An NTP client (systemd-timesyncd, chrony, ntpd) clears the kernel's STA_UNSYNC. Setting the clock by hand, or a possible
error of 16 s, some nine hours after the last answer of a server, sets it again. A container has the clock of its host and
may ask too. Where a sandbox forbids the call (systemd's `ProtectClock=`), the answer is unknown.
"""

from __future__ import annotations

import ctypes
from typing import Final

_TIME_ERROR: Final = 5
_STA_UNSYNC: Final = 0x40


class _Timex(ctypes.Structure):
    """The first fields of `struct timex`, the same on every architecture; the call fills more after them."""

    _fields_ = (
        ("modes", ctypes.c_uint),  # 0: only read
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


_libc = ctypes.CDLL(None)


def synchronised() -> bool:
    """Whether the kernel reports a synchronised clock. False where the call is forbidden."""
    timex = _Timex()
    state: int = _libc.adjtimex(ctypes.byref(timex))
    return 0 <= state != _TIME_ERROR and not timex.status & _STA_UNSYNC
