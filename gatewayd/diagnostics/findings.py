"""A finding: one sentence about one subject, and its severity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Grade(Enum):
    """The severity of a finding."""

    OK = "ok"
    WARNING = "warning"  # it works, but badly, or not for long
    FAULT = "fault"  # messages are not sent or not stored until the operator acts


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` states the facts, and the remedy unless the grade is OK."""

    about: str  # such as `database`, or `port 1 SIM`
    grade: Grade
    text: str


def ok(about: str, text: str) -> Finding:
    """Make a finding without a fault."""
    return Finding(about, Grade.OK, text)


def warning(about: str, text: str) -> Finding:
    """Make a finding of grade WARNING: it works, but the operator should follow `text`."""
    return Finding(about, Grade.WARNING, text)


def fault(about: str, text: str) -> Finding:
    """Make a finding of grade FAULT: it does not work until the operator follows `text`."""
    return Finding(about, Grade.FAULT, text)


def as_document(findings: Sequence[Finding]) -> dict[str, object]:
    """Convert findings to the document that `gatewayd check --json` prints."""
    counted = Counter(finding.grade for finding in findings)
    return {
        "faults": counted[Grade.FAULT],
        "warnings": counted[Grade.WARNING],
        "checks": [
            {"about": finding.about, "grade": finding.grade.value, "text": finding.text}
            for finding in findings
        ],
    }
