"""The plan of a torture run: each disturbance of the fleet and its time; all of it comes from the seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of disturbance."""

    KILL = "box killed"
    DEATH = "box killed, back after its death"
    FREEZE = "box frozen beyond its lease"
    CUT = "LAN of a box cut for less than its lease"
    LONG_CUT = "LAN of a box cut for longer"
    RESET = "connections of a box reset"
    LOST = "answer to a COMMIT lost"
    BOX_CLOCK = "clock of a box set by an hour"
    POSTGRES_CLOCK = "clock of PostgreSQL set by an hour"
    POSTGRES_KILL = "PostgreSQL killed"
    POSTGRES_AWAY = "PostgreSQL killed, away for longer than a lease"
    OLD_STORE = "old SQLite file put back"
    RESTORE = "PostgreSQL restored from a backup"
    RESTORE_BOTH = "PostgreSQL and the SQLite file of a box restored"


RESTORES = frozenset({Kind.RESTORE, Kind.RESTORE_BOTH})
OF_POSTGRES = frozenset({Kind.POSTGRES_CLOCK, Kind.POSTGRES_KILL, Kind.POSTGRES_AWAY, *RESTORES})


@dataclass(frozen=True)
class Times:
    """The times of the protocol, in seconds (row `fleet`)."""

    beat_s: float = 5.0
    lease_s: float = 25.0
    dead_after_s: float = 35.0
    doubt_extra_s: float = 30.0
    look_s: float = 2.0

    @property
    def option(self) -> str:
        """For `gatewayd fleet init --times`."""
        return ",".join(
            f"{name}={getattr(self, name)}"
            for name in ("beat_s", "lease_s", "dead_after_s", "doubt_extra_s", "look_s")
        )


SHORT = Times(beat_s=0.5, lease_s=3.0, dead_after_s=4.5, doubt_extra_s=1.0, look_s=0.4)


@dataclass(frozen=True)
class Plan:
    """The size of a run."""

    seed: int
    rounds: int | None  # of each kind; None: as many as fit into `minutes`
    minutes: float | None
    boxes: int = 3
    ports: int = 2  # of each box
    in_doubt: str = "hold"
    in_doubt_wait_s: float = 1.0
    times: Times = SHORT
    kinds: tuple[Kind, ...] = tuple(Kind)
    between_s: tuple[float, float] = (0.5, 6.0)  # before a disturbance, once all is well that it is about
    at_once: int = 2  # disturbances at the same time
    # Of a submission. With the longest, what a box has started is not all sent within a lease: a missing check shows.
    submit_s: tuple[float, float] = (0.5, 3.5)
    submit_timeout_s: float = 5.0
    pause_s: float = 1.0  # of each client between two requests
    stuck_s: float = 40.0  # at the end, without progress of any message, before the rest counts as lost


@dataclass(frozen=True)
class Step:
    """One disturbance."""

    number: int
    kind: Kind
    box: int  # its place in the list of boxes; for PostgreSQL without meaning
    lasts_s: float
    pause_s: float  # before it begins
    late: bool  # of a cut: what was sent arrives at its end, else it is lost
    late_s: float  # of a lost answer: how much later PostgreSQL gets the COMMIT
    hours: int  # of a clock

    def __str__(self) -> str:
        """For the log of the run."""
        what = f"{self.number:3}. {self.kind.value}"
        return what if self.kind in OF_POSTGRES else f"{what}: box {self.box + 1}"


def steps(plan: Plan) -> Iterator[Step]:
    """The disturbances in their order; without end where the plan has no number of rounds."""
    chance = random.Random(plan.seed)  # noqa: S311 - repeatable
    times, number, round_ = plan.times, 0, 0
    while plan.rounds is None or round_ < plan.rounds:
        round_ += 1
        kinds = list(plan.kinds)
        chance.shuffle(kinds)
        for kind in kinds:
            number += 1
            yield Step(
                number,
                kind,
                box=chance.randrange(plan.boxes),
                lasts_s=_lasts_s(kind, times, chance),
                pause_s=chance.uniform(*plan.between_s),
                late=chance.random() < 0.5,
                late_s=chance.choice((0.0, 0.0, 0.2, times.lease_s / 2, times.dead_after_s + times.beat_s)),
                hours=chance.choice((-1, 1)),
            )


def _lasts_s(kind: Kind, times: Times, chance: random.Random) -> float:
    # A freeze and a long cut sometimes last beyond the death: others have taken its messages meanwhile.
    beyond = times.lease_s + chance.uniform(0.1, 0.7) * times.lease_s
    dead_s = times.dead_after_s + times.beat_s
    freeze_s = chance.choice((beyond, dead_s + 2 * times.look_s))
    return {
        Kind.KILL: chance.uniform(0.0, 1.5),
        Kind.DEATH: dead_s + chance.uniform(0.5, 0.5 * times.lease_s),
        Kind.FREEZE: freeze_s,
        Kind.LONG_CUT: freeze_s,
        Kind.POSTGRES_AWAY: beyond,
        Kind.CUT: chance.uniform(0.1, 0.8) * times.lease_s,
        Kind.POSTGRES_KILL: chance.uniform(0.0, 1.0),
        Kind.OLD_STORE: chance.uniform(2.0, 6.0),
        Kind.RESTORE: chance.uniform(2.0, 6.0),
        Kind.RESTORE_BOTH: chance.uniform(2.0, 6.0),
        Kind.LOST: dead_s + 1.0,
    }.get(kind, chance.uniform(0.5, 2.0))
