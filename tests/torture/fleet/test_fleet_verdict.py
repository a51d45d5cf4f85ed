"""The verdict on a tortured fleet: each broken promise is told, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from tests.torture.client import Accepted
from tests.torture.fleet.plan import Kind, Plan, steps
from tests.torture.fleet.verdict import Away, Evidence, HandOver, Known, judge

SENT = Known("sent", False, None)
ONE = Accepted("+22370000001", 1, "one", "key", 100.0)
TWO_PARTS = Accepted("+22370000002", 2, "two", "key", 100.0)
GOOD = Evidence(
    accepted=[ONE, TWO_PARTS],
    handed_over=[
        HandOver(101.0, ONE.recipient, 1, "a"),
        HandOver(102.0, TWO_PARTS.recipient, 1, "b"),
        HandOver(103.0, TWO_PARTS.recipient, 2, "b"),
    ],
    known={"one": SENT, "two": SENT},
    doubts={},
    away=[Away("a", 50.0, 99.0)],
    frozen=[],
    asked={"a": [100.5], "b": [101.5, 102.5]},
    forgotten=set(),
    in_doubt_policy="hold",
    lease_s=3.0,
    tolerance_s=1.0,
)
TWICE = replace(GOOD, handed_over=[*GOOD.handed_over, HandOver(110.0, ONE.recipient, 1, "b")])
MISSING = replace(GOOD, handed_over=GOOD.handed_over[:-1])
LATE = replace(GOOD, away=[Away("a", 90.0, 120.0)])

CASES: dict[str, tuple[Evidence, list[str]]] = {
    "all is well": (GOOD, []),
    "a part is missing": (MISSING, ["LOST"]),
    "a part is missing and in doubt": (
        replace(MISSING, known={"one": SENT, "two": Known("pending", True, None)}),
        [],
    ),
    "a part is missing and the message is pending": (
        replace(MISSING, known={"one": SENT, "two": Known("pending", False, None)}),
        ["LOST"],
    ),
    "a part is missing that was accepted after the backup": (
        replace(MISSING, known={"one": SENT}, forgotten={"two"}),
        [],
    ),
    "a part is missing, PostgreSQL has the message again": (replace(MISSING, forgotten={"two"}), ["LOST"]),
    "sent and unknown": (replace(GOOD, known={"one": SENT}), ["UNKNOWN"]),
    "sent and forgotten with the backup": (replace(GOOD, known={"one": SENT}, forgotten={"two"}), []),
    "sent and failed in PostgreSQL": (
        replace(GOOD, known={"one": SENT, "two": Known("failed", False, "expired")}),
        ["UNTOLD"],
    ),
    "twice": (TWICE, ["DOUBLED"]),
    "twice with hold, after a doubt": (replace(TWICE, doubts={ONE.recipient: 1}), ["DOUBLED"]),
    "twice after a doubt that was retried": (
        replace(TWICE, doubts={ONE.recipient: 1}, in_doubt_policy="retry"),
        [],
    ),
    "twice after the doubt of another message": (
        replace(TWICE, doubts={TWO_PARTS.recipient: 1}, in_doubt_policy="retry"),
        ["DOUBLED"],
    ),
    "after the lease": (LATE, ["AFTER THE LEASE"]),
    "after the lease of another box": (replace(LATE, away=[Away("c", 90.0, 120.0)]), []),
    "within the lease": (replace(LATE, away=[Away("a", 97.0, 120.0)]), []),
    "after PostgreSQL was back": (replace(LATE, away=[Away("a", 90.0, 100.4)]), []),
    "after the lease, checked before a freeze": (replace(LATE, frozen=[Away("a", 95.0, 101.5)]), []),
}


@pytest.mark.parametrize("case", CASES)
def test_a_verdict_tells_each_broken_promise(case: str) -> None:
    evidence, expected = CASES[case]
    assert [sentence.partition(":")[0] for sentence in judge(evidence).broken] == expected


def test_a_seed_repeats_its_plan_and_gives_each_kind_its_times() -> None:
    plan = Plan(seed=5, rounds=3, minutes=None)
    made = list(steps(plan))
    assert made == list(steps(plan))
    assert made != list(steps(replace(plan, seed=6)))
    assert [sum(step.kind is kind for step in made) for kind in Kind] == [3] * len(Kind)
    endless = replace(plan, rounds=None, minutes=1.0)
    assert list(islice(steps(endless), len(made))) == made
