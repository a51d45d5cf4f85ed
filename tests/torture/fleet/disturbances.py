"""The disturbances of the fleet, one class for each way to begin and to end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tests.fleet.proxy import Loss
from tests.torture.fleet.fleet_box import FleetBox
from tests.torture.fleet.plan import OF_POSTGRES, RESTORES, Kind, Step

if TYPE_CHECKING:
    from tests.torture.fleet.run import Torture

ANSWERED_S = 60.0


class Disturbance:
    """One of them. `happened`: how many of its kind it counts for."""

    def __init__(self, run: Torture, step: Step) -> None:
        self.run = run
        self.step = step
        self.happened = 1
        self._ends_at = 0.0

    @property
    def box(self) -> FleetBox:
        """The box that it is about."""
        return self.run.boxes[self.step.box]

    def excludes(self, other: Disturbance) -> bool:
        """Whether the other one may not begin before this one has ended."""
        kinds = (self.step.kind, other.step.kind)
        if not RESTORES.isdisjoint(kinds):
            return True  # what was accepted after the backup must be known
        if all(kind in OF_POSTGRES for kind in kinds):
            return True
        return not any(kind in OF_POSTGRES for kind in kinds) and self.step.box == other.step.box

    def finds_all_well(self) -> bool:
        """Whether what it is about works again after what was done to it before."""
        run = self.run
        if self.step.kind in (*RESTORES, Kind.POSTGRES_CLOCK):
            return all(run.works(box) for box in run.boxes)
        if self.step.kind in OF_POSTGRES:
            return sum(run.works(box) for box in run.boxes) >= len(run.boxes) - 1
        return run.works(self.box)

    def begin(self) -> None:
        """Begin."""
        self._ends_at = time.monotonic() + self.step.lasts_s

    def is_over(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() >= self._ends_at

    def end(self) -> None:
        """Put right what was done."""


class Kill(Disturbance):
    """The daemon of a box is killed and started again."""

    def begin(self) -> None:
        """Kill it."""
        self.box.kill()
        super().begin()

    def end(self) -> None:
        """Start it."""
        self.box.start()


class Freeze(Disturbance):
    """A daemon is stopped with SIGSTOP, and goes on later as if nothing had been."""

    _began = 0.0

    def begin(self) -> None:
        """Stop it."""
        self._began = time.monotonic()
        self.box.freeze()
        super().begin()

    def end(self) -> None:
        """Let it go on."""
        self.box.thaw()
        # A part that it had checked before may be written now: no check can exclude that.
        self.run.note_frozen(self.box, self._began, time.monotonic())


class Cut(Disturbance):
    """Nothing passes between a box and PostgreSQL."""

    _began = 0.0

    def begin(self) -> None:
        """Cut."""
        self.box.proxy.cut(late=self.step.late)
        self._began = time.monotonic()
        super().begin()

    def end(self) -> None:
        """Let everything pass."""
        self.run.note_away(self.box, self._began, time.monotonic())
        self.box.proxy.heal()


class Reset(Disturbance):
    """All connections of a box are reset."""

    def begin(self) -> None:
        """Reset them."""
        self.box.proxy.reset()
        super().begin()


class Lost(Disturbance):
    """The answer to a COMMIT of a box is lost."""

    _loss: Loss | None = None

    def begin(self) -> None:
        """Order it."""
        self._loss = self.box.proxy.lose_next_commit_answer(late_s=self.step.late_s)
        super().begin()

    def is_over(self) -> bool:
        """Whether PostgreSQL has committed what the box believes lost, or the box has committed nothing for long."""
        assert self._loss is not None
        return self._loss.done.is_set() or (super().is_over() and not self._loss.happened.is_set())

    def end(self) -> None:
        """Forget the order if it came to nothing."""
        assert self._loss is not None
        self.happened = int(self._loss.happened.is_set())
        self.box.proxy.heal()


class BoxClock(Disturbance):
    """The wall clock of a box is stepped, and stays so."""

    def begin(self) -> None:
        """Step it."""
        self.box.set_clock(self.step.hours)
        super().begin()


class PostgresClock(Disturbance):
    """The wall clock of PostgreSQL is stepped, and stays so."""

    def begin(self) -> None:
        """Step it."""
        self.run.set_postgres_clock(self.step.hours)
        super().begin()


class PostgresKill(Disturbance):
    """PostgreSQL is killed, and started again."""

    _began = 0.0

    def begin(self) -> None:
        """Kill it."""
        self.run.server.kill()
        self._began = time.monotonic()
        super().begin()

    def end(self) -> None:
        """Start it."""
        ended = time.monotonic()
        self.run.server.start()
        for box in self.run.boxes:
            self.run.note_away(box, self._began, ended)


class OldStore(Disturbance):
    """The SQLite file of a box is put back to what it was some seconds before."""

    def begin(self) -> None:
        """Kill the daemon, keep its files, and start it."""
        self._copy = self.run.path / "copies" / f"store-{self.step.number}"
        self.box.copy_store(self._copy)
        super().begin()

    def end(self) -> None:
        """Kill it, put them back, and start it."""
        self.box.kill()
        self.box.put_store_back(self._copy)
        self.box.start()


class Restore(Disturbance):
    """PostgreSQL is put back to what it was some seconds before, and the fleet is told."""

    def begin(self) -> None:
        """Keep a copy."""
        run = self.run
        self._copied_at = time.time()
        if run.is_recovering():
            run.broken.append(f"{self.step}: the fleet is recovering, although PostgreSQL was not restored")
        run.server.stop()
        self._copy = run.server.copy_to(run.path / "copies" / f"postgres-{self.step.number}")
        run.server.start()
        super().begin()

    @property
    def kills(self) -> bool:
        """Whether a box is killed: it may have parts in doubt of which the copy knows nothing."""
        return self.step.late

    def restore_box(self) -> None:
        """Restore a box too; it does not run."""

    def end(self) -> None:
        """Put it back."""
        run = self.run
        assert run.clients is not None
        if not run.clients.pause(ANSWERED_S):
            run.broken.append(f"{self.step}: a request was not answered within {ANSWERED_S:.0f} s")
        run.gather_doubts()
        run.forgotten |= {each.sms_id for each in run.clients.accepted if each.at > self._copied_at}
        kills = self.kills
        if kills:
            self.box.kill()
        run.server.stop("immediate")
        run.server.restore_from(self._copy)
        self.restore_box()
        run.server.start()
        if kills:
            self.box.start()
        run.say("     restored")
        try:
            run.recover()
        finally:
            self._copy.remove()
            run.clients.resume()


class RestoreBoth(Restore):
    """PostgreSQL and a box are put back to what they were some seconds before: nobody knows what the box sent since."""

    kills = True

    def begin(self) -> None:
        """Keep a copy of both."""
        self._store = self.run.path / "copies" / f"store-{self.step.number}"
        self.box.copy_store(self._store)
        super().begin()

    def restore_box(self) -> None:
        """Put the files of the box back."""
        self.box.put_store_back(self._store)


DISTURBANCES: Final[dict[Kind, type[Disturbance]]] = {
    Kind.KILL: Kill,
    Kind.DEATH: Kill,
    Kind.FREEZE: Freeze,
    Kind.CUT: Cut,
    Kind.LONG_CUT: Cut,
    Kind.RESET: Reset,
    Kind.LOST: Lost,
    Kind.BOX_CLOCK: BoxClock,
    Kind.POSTGRES_CLOCK: PostgresClock,
    Kind.POSTGRES_KILL: PostgresKill,
    Kind.POSTGRES_AWAY: PostgresKill,
    Kind.OLD_STORE: OldStore,
    Kind.RESTORE: Restore,
    Kind.RESTORE_BOTH: RestoreBoth,
}
