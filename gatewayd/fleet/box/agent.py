"""The agent of a box of a fleet: takes messages from the queue in PostgreSQL into the journal, and tells what became of them.

One thread. It asks PostgreSQL one thing after another; after an answer that was lost it takes a new epoch before it acts on any
row, so that what was asked before, and comes late, changes nothing. Each step of a round has a file of its own beside this one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

from gatewayd.fleet.box.adopting import Adopting
from gatewayd.fleet.box.claiming import Claiming
from gatewayd.fleet.box.deciding import Deciding
from gatewayd.fleet.box.epoch import Epoch, JoinAnewError
from gatewayd.fleet.box.hooks import Hooks
from gatewayd.fleet.box.joining import Joining, NoMemberError
from gatewayd.fleet.box.journal import Journal
from gatewayd.fleet.box.known_fleet import KnownFleet
from gatewayd.fleet.box.lease import Lease
from gatewayd.fleet.box.link import Link
from gatewayd.fleet.box.looking import Looking
from gatewayd.fleet.box.opening import Opening
from gatewayd.fleet.box.own_sims import OwnSims
from gatewayd.fleet.box.permit import FleetPermit
from gatewayd.fleet.box.pruning import Pruning
from gatewayd.fleet.box.reconciling import Reconciling
from gatewayd.fleet.box.releasing import Releasing
from gatewayd.fleet.box.rescuing import Rescuing
from gatewayd.fleet.box.silence import SilenceWatch
from gatewayd.fleet.box.source import SharedSource
from gatewayd.fleet.box.status import AgentStatus, LastStatus
from gatewayd.fleet.box.taking import Taking
from gatewayd.fleet.box.uploading import Uploading
from gatewayd.fleet.postgres.errors import (
    PostgresConflictError,
    PostgresRefusedError,
    PostgresSlowError,
    TooNewError,
    TooOldError,
)
from gatewayd.fleet.queue.lanes import Lanes
from gatewayd.fleet.queue.names import EpochOldError
from gatewayd.sending.acceptance import StartedHere
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.timekeeping.clock import Calendar, Clock

log = logging.getLogger(__name__)

_RESCUED_EVERY_S: Final = 60.0
_DOUBTS_EVERY_S: Final = 2.0
_AGAIN_S: Final = 1.0  # until PostgreSQL is tried again
_REFUSED_AGAIN_S: Final = 10.0
_NEEDS_A_PERSON: Final = (PostgresRefusedError, NoMemberError, TooNewError, TooOldError)
_PAUSE_S: Final = 0.05  # after a transaction that lost against others, and before a new epoch


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The part of the configuration of this box that the agent needs."""

    name: str
    prefetch_s: float
    submit_timeout_s: float
    max_attempts: int


class Agent:
    """The agent. Any thread may call its methods."""

    def __init__(
        self,
        settings: AgentSettings,
        link: Link,
        journal: Journal,
        clock: Clock,
        calendar: Calendar,
        own_sims: OwnSims,
        lease: Lease,
        permit: FleetPermit,
        source: SharedSource,
        hooks: Hooks,
    ) -> None:
        self._link = link
        self._permit = permit
        self._last_status = LastStatus()
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._may_wait = threading.Event()  # something may wait in the queue for this box
        self._sims_changed = threading.Event()  # a SIM of this box can send now, or cannot any more
        self._probes: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
        self._lanes = Lanes(monotonic)
        self._silence = SilenceWatch(settings.name)
        known = KnownFleet()
        taking = Taking(journal, queued=hooks.queued)
        self._joining = Joining(
            settings.name,
            settings.submit_timeout_s,
            link,
            journal,
            lease,
            permit,
            known,
            self._last_status,
            refused=hooks.refused,
            joined=hooks.joined,
        )
        self._adopting = Adopting(taking)
        self._looking = Looking(
            link, journal, lease, source, self._silence, known, self._last_status, self._may_wait
        )
        self._rescuing = Rescuing(link, clock, calendar, self._silence, self._may_wait)
        self._uploading = Uploading(
            settings.submit_timeout_s,
            link,
            journal,
            clock,
            calendar,
            self._last_status,
            settled=hooks.settled,
            text_taken=hooks.text_taken,
        )
        self._releasing = Releasing(
            link,
            journal,
            clock,
            calendar,
            own_sims,
            source,
            self._uploading,
            self._may_wait,
            self._sims_changed,
        )
        self._reconciling = Reconciling(
            link, journal, clock, calendar, own_sims, taking, self._uploading, self._releasing
        )
        self._opening = Opening(journal, permit, queued=hooks.queued, wake_ports=hooks.wake_ports)
        self._claiming = Claiming(
            settings.prefetch_s,
            link,
            journal,
            clock,
            calendar,
            own_sims,
            permit,
            taking,
            self._lanes,
            self._may_wait,
            claimed=hooks.claimed,
        )
        self._deciding = Deciding(
            settings.max_attempts, link, clock, calendar, self._may_wait, settled=hooks.settled
        )
        self._pruning = Pruning(journal, clock)
        # Only the thread uses what follows.
        self._epoch: Epoch | None = None
        self._settle_at = self._doubts_at = self._prune_at = 0.0  # monotonic seconds

    # For any thread

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop it; what the journal has is told at the next start."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def wake(self) -> None:
        """Something changed here, or in the queue."""
        self._woken.set()

    def notice(self) -> None:
        """Another box told that something concerns this one."""
        self._may_wait.set()
        self._woken.set()

    def sims_changed(self) -> None:
        """A SIM of this box can send now, or cannot any more: others send what it cannot."""
        self._sims_changed.set()
        self._may_wait.set()
        self._woken.set()

    def take_started(self, started: Sequence[StartedHere]) -> None:
        """Send messages that were accepted as started by this box."""
        self._adopting.accept(started)
        self._woken.set()

    def lost_answer(self) -> None:
        """An acceptance as started was not answered: what became of it is found out under a new epoch."""
        self._adopting.lose_answer()
        self._woken.set()

    def probe(self, answered: Callable[[], None]) -> None:
        """Have the thread call `answered`, to check that it runs."""
        self._probes.put(answered)
        self._woken.set()

    @property
    def status(self) -> AgentStatus:
        """The state that the agent last saw."""
        return self._last_status.status

    # The thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._answer_probes()
            pause_s = self._step()
            if pause_s > 0:
                self._woken.wait(pause_s)
            self._woken.clear()
        self._finish()

    def _answer_probes(self) -> None:
        try:
            while True:
                self._probes.get_nowait()()
        except Empty:
            return

    def _finish(self) -> None:
        """At a stop: tell what happened, and let the messages wait for other boxes of which nothing was handed over."""
        try:
            if self._epoch is not None and self._link.is_up:
                self._uploading.upload(self._epoch)
                self._releasing.release_untouched(self._epoch)
        except (StoreUnavailableError, EpochOldError) as error:
            log.info("fleet: at the stop: %s", error)  # it is told at the next start
        finally:
            self._link.close()

    def _step(self) -> float:
        """Do what is due; the seconds until something is due without a wake-up."""
        try:
            due = self._round()
        except EpochOldError:
            log.warning("fleet: this box has lost its epoch; it joins anew")
            self._permit.close()
            self._leave_epoch()
            return _PAUSE_S
        except JoinAnewError:
            self._permit.close()
            self._leave_epoch()
            return _PAUSE_S
        except (PostgresConflictError, PostgresSlowError) as error:
            # PostgreSQL said that nothing of it was done: no answer was lost.
            log.info("fleet: %s", error)
            self._lanes.forget()
            self._may_wait.set()
            self._settle_at = 0.0  # it may have been the settling of a dead box
            return _PAUSE_S
        except (StoreUnavailableError, NoMemberError) as error:
            # Also of the store of this box: what PostgreSQL did may then not be in the journal.
            return self._lose(error)
        except Exception as error:
            log.exception("fleet: the agent failed; it joins anew")
            return self._lose(error)
        return max(0.0, due - monotonic())

    def _lose(self, error: Exception) -> float:
        """The connection cannot be used. What is started goes on until the lease is over. The seconds until the next try."""
        if self.status.connected or not self.status.reason:
            log.warning("fleet: %s", error)
        self._last_status.lost(str(error))
        self._link.close()
        self._leave_epoch()
        return _REFUSED_AGAIN_S if isinstance(error, _NEEDS_A_PERSON) else _AGAIN_S

    def _leave_epoch(self) -> None:
        self._epoch = None
        self._lanes.forget()
        self._silence.forget()

    def _round(self) -> float:
        """Do the steps that are due, in their order; when the next one is due, in monotonic seconds."""
        now = monotonic()
        epoch = self._epoch
        if epoch is None:
            epoch = self._epoch = self._joining.join()
            self._may_wait.set()
        self._adopting.adopt(epoch)  # its clients wait
        if epoch.look_at <= now or epoch.beat_at <= now:
            self._rescuing.rescue(self._looking.look(epoch))
        if not epoch.trusted:
            return min(epoch.look_at, epoch.beat_at)
        self._uploading.upload(epoch)
        if epoch.reconcile_at <= now:
            self._reconciling.reconcile(epoch)
            self._opening.open(epoch)
        if epoch.tells_again:
            if epoch.forgot:
                self._rescuing.doubt_forgotten(epoch)
            self._uploading.tell_caught_up(epoch)
        self._releasing.release(epoch)
        self._claiming.fill(epoch)
        if self._settle_at <= now:
            self._settle_at = now + _RESCUED_EVERY_S
            self._rescuing.settle()
        if self._doubts_at <= now:
            self._doubts_at = now + _DOUBTS_EVERY_S
            self._deciding.decide(epoch)
        if self._prune_at <= now:
            self._prune_at = now + self._pruning.prune()
        of_epoch = min(epoch.look_at, epoch.beat_at, epoch.reconcile_at)
        return min(of_epoch, self._settle_at, self._doubts_at, self._prune_at)
