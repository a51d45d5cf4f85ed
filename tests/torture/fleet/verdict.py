"""The promises of a fleet, compared with what the networks behind its boxes saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.torture.client import Accepted
from tests.torture.verdict import PartKey


@dataclass(frozen=True)
class HandOver:
    """A part that a network took, at a time of the wall clock."""

    at: float
    recipient: str
    part: int
    box: str


@dataclass(frozen=True)
class Away:
    """A time during which a box could not reach PostgreSQL, or was frozen: monotonic seconds."""

    box: str
    begin: float
    end: float


@dataclass(frozen=True)
class Known:
    """The state of a message in PostgreSQL at the end."""

    status: str
    in_doubt: bool
    reason: str | None


@dataclass
class Evidence:
    """All that a verdict is made of."""

    accepted: list[Accepted]
    handed_over: list[HandOver]
    known: Mapping[str, Known]  # by sms_id
    doubts: Mapping[str, int]  # how often each recipient's message was in doubt, all in all
    away: Sequence[Away]
    frozen: Sequence[Away]  # times around which a box may hand over what it had checked before
    asked: Mapping[str, Sequence[float]]  # when the modems of each box were handed a part: monotonic seconds
    forgotten: set[str]  # sms_ids that were accepted after the backup that was restored
    in_doubt_policy: str
    lease_s: float
    tolerance_s: float


@dataclass
class Verdict:
    """The figures, and the broken promises as sentences."""

    accepted: int = 0
    arrived: int = 0
    doubled: int = 0
    doubts: int = 0
    left_in_doubt: list[str] = field(default_factory=list)
    forgotten: int = 0
    lost: int = 0
    after_lease: int = 0
    broken: list[str] = field(default_factory=list)


def judge(evidence: Evidence) -> Verdict:
    """Compare."""
    verdict = Verdict(accepted=len(evidence.accepted), doubts=sum(evidence.doubts.values()))
    taken = Counter((each.recipient, each.part) for each in evidence.handed_over)
    verdict.doubled = sum(times - 1 for times in taken.values() if times > 1)
    for message in evidence.accepted:
        _judge_message(message, taken, evidence, verdict)
    late = list(_after_lease(evidence))
    verdict.after_lease = len(late)
    verdict.broken += [*_doubled(taken, evidence), *late]
    return verdict


def _judge_message(message: Accepted, taken: Counter[PartKey], evidence: Evidence, verdict: Verdict) -> None:
    missing = [seq for seq in range(1, message.parts + 1) if not taken[message.recipient, seq]]
    known = evidence.known.get(message.sms_id)
    who = f"{message.recipient} ({message.sms_id})"
    if known is not None and known.in_doubt:
        verdict.left_in_doubt.append(
            f"{who}: the networks have not got its parts {missing}" if missing else who
        )
        return
    if not missing:
        verdict.arrived += 1
        if known is None and message.sms_id not in evidence.forgotten:
            verdict.broken.append(f"UNKNOWN: {who} went out and is not in PostgreSQL")
        elif known is not None and known.status not in ("sent", "delivered"):
            verdict.broken.append(
                f"UNTOLD: {who} went out and is {known.status} ({known.reason}) in PostgreSQL"
            )
        return
    if message.sms_id in evidence.forgotten and known is None:
        verdict.forgotten += 1
        return
    verdict.lost += 1
    state = "not in PostgreSQL" if known is None else f"{known.status} there ({known.reason})"
    verdict.broken.append(f"LOST: {who} was accepted, no network got its parts {missing}, and it is {state}")


def _doubled(taken: Counter[PartKey], evidence: Evidence) -> Iterator[str]:
    places: dict[PartKey, list[HandOver]] = {}
    for each in evidence.handed_over:
        places.setdefault((each.recipient, each.part), []).append(each)
    for (recipient, part), times in taken.items():
        allowed = evidence.doubts.get(recipient, 0) if evidence.in_doubt_policy == "retry" else 0
        if times > 1 + allowed:
            where = ", ".join(f"{each.box} at {each.at:.3f}" for each in places[recipient, part])
            yield (
                f"DOUBLED: {recipient} got part {part} {times} times ({where}); it was in doubt"
                f" {evidence.doubts.get(recipient, 0)} times, and the policy is {evidence.in_doubt_policy}"
            )


def _after_lease(evidence: Evidence) -> Iterator[str]:
    """Parts that were handed over while PostgreSQL was away and the lease was over."""
    for away in evidence.away:
        over = away.begin + evidence.lease_s + evidence.tolerance_s
        for at in evidence.asked.get(away.box, ()):
            if not over < at < away.end:
                continue
            if any(f.box == away.box and f.begin <= at <= f.end for f in evidence.frozen):
                continue
            yield (
                f"AFTER THE LEASE: {away.box} handed over a part {at - away.begin:.3f} s after it lost PostgreSQL,"
                f" which came back after {away.end - away.begin:.3f} s (monotonic {at:.3f})"
            )
