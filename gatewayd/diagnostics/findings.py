"""What the doctor says: one sentence about one thing, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Grade(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # it works, but not as well as it could, or not for long
    FAULT = "fault"  # messages are not sent, or not kept, until somebody does something


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` says what is; of what is not ok, also what to do about it."""

    about: str  # as `database`, or `port 1 SIM`
    grade: Grade
    text: str


def ok(about: str, text: str) -> Finding:
    """All is as it should be."""
    return Finding(about, Grade.OK, text)


def warning(about: str, text: str) -> Finding:
    """It works, but somebody should do what `text` says."""
    return Finding(about, Grade.WARNING, text)


def fault(about: str, text: str) -> Finding:
    """It does not work until somebody does what `text` says."""
    return Finding(about, Grade.FAULT, text)
