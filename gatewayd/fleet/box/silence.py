"""Watches the beats of the other boxes, and says which steps of a rescue are due.

Only the time between two looks counts that both were answered, soon after each other: a box that reached PostgreSQL seldom, or
not at all, cannot tell silence from a cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gatewayd.fleet.queue.names import BoxRow, FleetRow

# Looks that are further apart than so many of their usual distances show nothing of the time between them.
_LOOKS_APART = 3.0


@dataclass(frozen=True, slots=True)
class Silent:
    """A box, with the epoch and beat that it showed all the time."""

    name: str
    epoch: int
    beat: int


@dataclass(frozen=True, slots=True)
class Due:
    """The steps that are due now."""

    rescues: list[Silent] = field(default_factory=list)
    doubts: list[Silent] = field(default_factory=list)


@dataclass(slots=True)
class _Watched:
    epoch: int
    beat: int
    alive: bool
    silent_s: float = 0.0  # since this epoch, beat and state were first seen


class SilenceWatch:
    """The other boxes as one box saw them. One thread uses it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._watched: dict[str, _Watched] = {}
        self._answered_at: float | None = None

    def forget(self) -> None:
        """The connection was lost: what follows is seen anew."""
        self._watched.clear()
        self._answered_at = None

    def saw(self, boxes: Iterable[BoxRow], fleet: FleetRow, asked_at: float, answered_at: float) -> Due:
        """Take the answer to a look, with the times of a clock that never jumps; the steps that are due."""
        passed = 0.0 if self._answered_at is None else asked_at - self._answered_at
        if answered_at - asked_at > fleet.beat_s or passed > _LOOKS_APART * fleet.look_s:
            self.forget()
            passed = 0.0
        self._answered_at = answered_at
        rows = {row.name: row for row in boxes if row.name != self._name and row.state == "member"}
        due = Due()
        for name, row in rows.items():
            watched = self._watched.get(name)
            if watched is None or (watched.epoch, watched.beat, watched.alive) != (
                row.epoch,
                row.beat,
                row.alive,
            ):
                self._watched[name] = _Watched(row.epoch, row.beat, row.alive)
                continue
            watched.silent_s += max(0.0, passed)
            silent = Silent(name, row.epoch, row.beat)
            if row.alive and watched.silent_s >= fleet.dead_after_s:
                due.rescues.append(silent)
            elif not row.alive and watched.silent_s >= row.submit_timeout_s + fleet.doubt_extra_s:
                due.doubts.append(silent)
        self._watched = {name: watched for name, watched in self._watched.items() if name in rows}
        return due

    def doubted(self, silent: Silent) -> None:
        """The started messages of this box are in doubt: the next look at them is after another such wait."""
        watched = self._watched.get(silent.name)
        if watched is not None:
            watched.silent_s = 0.0

    def silent_s(self) -> Mapping[str, float]:
        """Seconds for which each other box was silent, as far as this box saw."""
        return {name: watched.silent_s for name, watched in self._watched.items()}
