"""The promises of a torture run, compared with the events seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.torture.client import Accepted

PartKey = tuple[str, int]  # recipient and number of the part


@dataclass
class Verdict:
    """The figures of one run, and its broken promises as sentences."""

    name: str
    kills: int = 0
    cut_off: int = 0  # modems that were unplugged or fell silent during a command
    accepted: int = 0
    arrived: int | None = None  # None: the run did not wait for it
    lost: int = 0
    doubled: int = 0
    in_doubt: int = 0
    settled: int = 0  # of these, settled by the modem's answer or by the submission note
    texts: int = 0  # received texts
    images: int = 0
    images_failed: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    def row(self) -> list[Any]:
        """The run's line in the table."""
        return [
            self.name,
            self.kills,
            self.cut_off,
            self.accepted,
            self.arrived,
            self.lost,
            self.doubled,
            self.in_doubt,
            self.settled,
            self.texts,
            self.images,
            self.images_failed,
            len(self.broken),
            f"{self.seconds:.0f}",
        ]


HEADERS = (
    *(
        "run",
        "kills",
        "modems cut off",
        "accepted",
        "arrived",
        "lost",
        "doubled",
        "in doubt",
        "settled",
        "texts in",
    ),
    *("images", "failed", "broken promises", "seconds"),
)


def compare(
    verdict: Verdict,
    accepted: list[Accepted],
    taken: Counter[PartKey],
    doubts: Counter[PartKey],
    *,
    may_double: bool,
) -> None:
    """Compare the messages that were answered 200 with the network's log. `doubts`: how often each part was in doubt."""
    verdict.accepted = len(accepted)
    verdict.in_doubt = doubts.total()
    verdict.doubled = sum(times - 1 for times in taken.values() if times > 1)
    verdict.lost = sum(bool(_missing(message, taken)) for message in accepted)
    verdict.arrived = len(accepted) - verdict.lost
    verdict.broken += _faults(accepted, taken, doubts, may_double=may_double)


def _missing(message: Accepted, taken: Counter[PartKey]) -> list[int]:
    return [seq for seq in range(1, message.parts + 1) if not taken[message.recipient, seq]]


def _faults(
    accepted: list[Accepted], taken: Counter[PartKey], doubts: Counter[PartKey], *, may_double: bool
) -> Iterator[str]:
    for message in accepted:
        if missing := _missing(message, taken):
            yield f"LOST: {message.recipient} was answered 200 and the network never got its parts {missing} ({message.sms_id})"
    for (recipient, seq), times in taken.items():
        if times > 1 + doubts[recipient, seq]:
            yield f"DOUBLED: {recipient} got part {seq} {times} times, in doubt {doubts[recipient, seq]} times"
        elif times > 1 and not may_double:
            yield f"DOUBLED: {recipient} got part {seq} {times} times, although its report was stored in the modem"
