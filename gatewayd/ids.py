"""Makes the ids of messages: the `sms_id` that a client keeps, and the `task_id` of the hosted service."""

from __future__ import annotations

import os

# Task ids in the guide of the hosted service have 14 digits: Unix time in 0.1 ms. A clock before September 2001 gives fewer.
_FEWEST = 10**13


def new_sms_id(now: int) -> str:
    """A version 7 UUID (RFC 9562, 5.7) of `now` in microseconds. Ids of the same time are close together in the index."""
    value = ((now // 1000) & (2**48 - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def next_task_id(now: int, last: int) -> int:
    """A task id greater than `last`: that of `now` in microseconds, unless the clock stepped back."""
    return max(now // 100, last + 1, _FEWEST)
