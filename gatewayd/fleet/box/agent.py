"""The agent of a box of a fleet: takes messages from the queue in PostgreSQL into the journal, and tells what became of them.

One thread. It asks PostgreSQL one thing after another; after an answer that was lost it takes a new epoch before it acts on any
row, so that what was asked before, and comes late, changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

from config.language.text import Text
from gatewayd.fleet.box import capacity
from gatewayd.fleet.box.doubt_watch import DoubtWatch
from gatewayd.fleet.box.journal import Journal, Taken
from gatewayd.fleet.box.lease import Lease
from gatewayd.fleet.box.link import Link
from gatewayd.fleet.box.own_sims import OwnSims
from gatewayd.fleet.box.permit import FleetPermit
from gatewayd.fleet.box.reconciliation import Plan, compare
from gatewayd.fleet.box.silence import SilenceWatch, Silent
from gatewayd.fleet.box.source import SharedSource
from gatewayd.fleet.postgres.errors import PostgresConflictError, PostgresRefusedError, PostgresSlowError
from gatewayd.fleet.queue import boxes, claims, doubts, releases, rows, starts, takings, uploads
from gatewayd.fleet.queue.keeping import TextTaken
from gatewayd.fleet.queue.lanes import Lanes
from gatewayd.fleet.queue.names import (
    CLAIMED,
    STARTED,
    Box,
    BoxRow,
    ClaimedMessage,
    EpochOldError,
    FleetRow,
    ListedRow,
    Outcome,
    Started,
    Uploaded,
)
from gatewayd.sending.acceptance import StartedHere
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.tables.shared_messages import Entry
from gatewayd.timekeeping.clock import DAY, Calendar, Clock, Moment
from gatewayd.version import VERSION

log = logging.getLogger(__name__)

UPLOADED_AT_ONCE: Final = 500
_RECONCILED_EVERY_S: Final = 60.0
_LOOKED_AGAIN_S: Final = 2.0  # where rows were not in the journal: their acceptance may be under way
_RESCUED_EVERY_S: Final = 60.0
_DOUBTS_EVERY_S: Final = 2.0
_PRUNED_EVERY_S: Final = 3600.0
_KEPT_FOR: Final = 7 * DAY  # outcomes that were told
_AGAIN_S: Final = 1.0  # until PostgreSQL is tried again
_REFUSED_AGAIN_S: Final = 10.0
_PAUSE_S: Final = 0.05  # after a transaction that lost against others
_ROUNDS: Final = 5  # of a comparison, until it must agree


class _NoMemberError(Exception):
    """The fleet has no such member: it left, or was excluded."""


class _JoinAnewError(Exception):
    """Only a new epoch can tell what this box has in the queue."""


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """The state that the agent last saw. Replaced as a whole; any thread reads it."""

    box: Box | None = None
    connected: bool = False
    away_since: float | None = None  # monotonic seconds
    reason: str = ""  # why PostgreSQL cannot be used; "" where it can
    recovering: bool = False
    behind: bool = False  # PostgreSQL had forgotten what this box told
    acknowledged: int = 0
    others: tuple[BoxRow, ...] = ()
    fleet: FleetRow | None = None
    silent_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The part of the configuration of this box that the agent needs."""

    name: str
    prefetch_s: float
    submit_timeout_s: float
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Hooks:
    """The functions that the agent calls, on its thread: quickly, and without failing."""

    queued: Callable[[Mapping[int, int]], None]  # parts by SIM id that were queued here
    wake_ports: Callable[[], None]  # parts may be claimed again
    joined: Callable[[Box], None]
    claimed: Callable[[Mapping[int, int]], None]  # messages by SIM id that do not wait in the queue any more
    settled: Callable[[Sequence[str]], None]  # sms_ids of messages whose status changed
    refused: Callable[
        [Transaction], Text | None
    ]  # asked before each join: why this box may not act for the fleet


class Agent:
    """The agent. `start`, `stop`, `wake`, `take_started` and `status` may be called by any thread."""

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
        self._settings = settings
        self._link = link
        self._journal = journal
        self._clock = clock
        self._calendar = calendar
        self._own_sims = own_sims
        self._lease = lease
        self._permit = permit
        self._source = source
        self._hooks = hooks
        self.text_taken: TextTaken | None = None  # set before `start`
        self._status = AgentStatus()
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._accepted: SimpleQueue[StartedHere | None] = SimpleQueue()  # None: an answer was lost
        self._probes: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
        # Only the thread uses what follows.
        self._box: Box | None = None
        self._fleet: FleetRow | None = None
        self._lanes = Lanes(monotonic)
        self._silence = SilenceWatch(settings.name)
        self._doubts = DoubtWatch()
        self._acknowledged = 0
        self._journal_told = 0  # the highest state of the journal that PostgreSQL has, of this incarnation
        self._last_message_id = 0
        self._seen: Mapping[str, tuple[int, int]] = {}  # epoch and beat of each box in the last look
        self._may_wait = False  # something may wait in the queue for this box
        self._tells_again = (
            False  # PostgreSQL was restored, and does not know yet that this box told everything
        )
        self._looked = False  # a look came since the SIMs were last judged
        self._look_at = self._beat_at = self._reconcile_at = self._settle_at = self._doubts_at = 0.0
        self._prune_at = 0.0
        self._by_comparison: set[int] = set()  # started in this epoch by a comparison
        self._to_adopt: dict[int, StartedHere] = {}  # by message: accepted as started in this epoch
        self._to_release: list[ListedRow] = []  # dropped from the journal in this epoch
        self._unknown: set[ListedRow] = set()

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
        self._may_wait = True
        self._woken.set()

    def take_started(self, started: Sequence[StartedHere]) -> None:
        """Send messages that were accepted as started by this box."""
        for one in started:
            self._accepted.put(one)
        self._woken.set()

    def lost_answer(self) -> None:
        """An acceptance as started was not answered: what became of it is found out under a new epoch."""
        self._accepted.put(None)
        self._woken.set()

    def probe(self, answered: Callable[[], None]) -> None:
        """Have the thread call `answered`, to check that it runs."""
        self._probes.put(answered)
        self._woken.set()

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    @property
    def status(self) -> AgentStatus:
        """The state that the agent last saw."""
        return self._status

    # The thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._answer_probes()
            pause_s = self._step()
            if pause_s > 0:
                self._woken.wait(pause_s)
            self._woken.clear()
        self._finish()

    def _finish(self) -> None:
        """At a stop: tell what happened, and let the messages wait for other boxes of which nothing was handed over."""
        try:
            if self._box is not None and self._link.is_up:
                self._upload()
                entries, _ = self._journal.entries([])
                self._drop_untouched(self._box, list(entries.values()))
                self._release_rows(self._box)
        except (StoreUnavailableError, EpochOldError, _JoinAnewError) as error:
            log.info("fleet: at the stop: %s", error)  # it is told at the next start
        finally:
            self._link.close()

    def _step(self) -> float:
        """Do what is due; the seconds until something is due without a wake-up."""
        try:
            self._round()
        except EpochOldError:
            log.warning("fleet: this box has lost its epoch; it joins anew")
            self._permit.close()
            self._leave_epoch()
            return 0.0
        except _JoinAnewError:
            self._permit.close()
            self._leave_epoch()
            return 0.0
        except (PostgresConflictError, PostgresSlowError) as error:
            # PostgreSQL said that nothing of it was done: no answer was lost.
            log.info("fleet: %s", error)
            self._lanes.forget()
            self._may_wait = True
            return _PAUSE_S
        except (StoreUnavailableError, _NoMemberError) as error:
            # Also of the store of this box: what PostgreSQL did may then not be in the journal.
            return self._lose(error)
        except Exception as error:
            log.exception("fleet: the agent failed; it joins anew")
            return self._lose(error)
        due = min(self._look_at, self._reconcile_at, self._settle_at, self._doubts_at, self._prune_at)
        return max(0.0, due - monotonic())

    def _lose(self, error: Exception) -> float:
        """The connection cannot be used. What is started goes on until the lease is over. The seconds until the next try."""
        status = self._status
        if status.connected or not status.reason:
            log.warning("fleet: %s", error)
        away_since = status.away_since if status.away_since is not None else monotonic()
        self._status = replace(status, connected=False, away_since=away_since, reason=str(error))
        self._link.close()
        self._leave_epoch()
        return _REFUSED_AGAIN_S if isinstance(error, (PostgresRefusedError, _NoMemberError)) else _AGAIN_S

    def _leave_epoch(self) -> None:
        self._box = None
        self._lanes.forget()
        self._silence.forget()

    def _answer_probes(self) -> None:
        try:
            while True:
                self._probes.get_nowait()()
        except Empty:
            return

    def _round(self) -> None:
        now = monotonic()
        if self._box is None:
            self._join()
        self._take_accepted()  # its clients wait
        if self._look_at <= now or self._beat_at <= now:
            self._look()
        self._upload()
        if self._reconcile_at <= now:
            self._reconcile()
        if self._tells_again:
            self._tell_caught_up()
        self._release()
        self._fill()
        if self._settle_at <= now:
            self._settle_at = now + _RESCUED_EVERY_S
            self._settle_rescued()
        if self._doubts_at <= now:
            self._doubts_at = now + _DOUBTS_EVERY_S
            self._decide_doubts()
        if self._prune_at <= now:
            more = self._journal.forget(self._clock.now() - _KEPT_FOR)
            self._prune_at = now + (1.0 if more else _PRUNED_EVERY_S)

    # Epochs

    def _join(self) -> None:
        """Take a new epoch, and agree with the rows of this box before anything is sent under it."""
        self._link.open()
        self._permit.close()
        self._lease.lose()
        self._by_comparison.clear()
        self._unknown.clear()
        self._to_adopt.clear()
        self._to_release.clear()
        incarnation = self._journal.incarnation()
        self._journal.ask_for_epoch()
        last = max(self._last_message_id, self._journal.highest_id())
        try:
            with self._link.transaction() as db:
                if (refused := self._hooks.refused(db)) is not None:
                    raise _NoMemberError(refused)
                joined = boxes.join(
                    db,
                    self._settings.name,
                    incarnation.token,
                    version=VERSION,
                    submit_timeout_s=self._settings.submit_timeout_s,
                    acknowledged=incarnation.acknowledged,
                    journal=self._journal_told,
                    last_message_id=last,
                    last_epoch=incarnation.epoch,
                    seen=self._seen,
                )
        except LookupError:
            name = self._settings.name
            raise _NoMemberError(Text("no member of the fleet is called {name}", name=name)) from None
        if (
            joined.acknowledged > self._journal.last_number()
            or joined.journal > incarnation.journal
            or joined.epoch_before > incarnation.highest_epoch
        ):
            log.error("fleet: the database of this box is older than what it told the fleet: it begins anew")
            self._journal.begin_incarnation()
            self._journal_told = 0
            raise _JoinAnewError
        if joined.acknowledged < incarnation.acknowledged:
            log.error(
                "fleet: PostgreSQL has forgotten what this box told it: it was restored, or is another server."
                " Nothing is claimed until every box has told it again"
            )
            self._journal.tell_from(joined.acknowledged)
        self._journal.note_epoch(joined.box.epoch)
        self._box, self._acknowledged = joined.box, joined.acknowledged
        self._journal_told = joined.journal
        self._status = replace(
            self._status,
            box=joined.box,
            connected=True,
            away_since=None,
            reason="",
            behind=joined.behind,
            acknowledged=joined.acknowledged,
        )
        log.info("fleet: joined as %s, epoch %d", joined.box.name, joined.box.epoch)
        self._hooks.joined(joined.box)
        self._beat_at = self._reconcile_at = 0.0
        self._may_wait = True

    def _look(self) -> None:
        box, asked_at, asked = self._own_box(), monotonic(), self._lease.now()
        beat = self._beat_at <= asked_at
        journal = self._journal.journal()
        with self._link.transaction() as db:
            found = boxes.look(db, box, beat=beat, journal=journal)
            elsewhere = None if found is None else takings.sims_elsewhere(db, box)
        if found is None or elsewhere is None:
            raise EpochOldError
        fleet = found.fleet
        if beat:
            self._lease.renew(box.epoch, asked, fleet.lease_s)
            self._beat_at = asked_at + fleet.beat_s
            self._journal_told = found.journal
        self._look_at = asked_at + fleet.look_s
        self._looked = True
        self._tells_again = fleet.recovering and not all(
            row.caught_up for row in found.boxes if row.name == box.name
        )
        if self._fleet is not None and self._fleet.recovering and not fleet.recovering:
            self._reconcile_at = 0.0  # rows were left alone meanwhile
        self._fleet = fleet
        self._last_message_id = max(self._last_message_id, found.last_message_id)
        self._seen = {row.name: (row.epoch, row.beat) for row in found.boxes}
        self._may_wait = self._may_wait or found.waits
        self._source.note_elsewhere(elsewhere)
        due = self._silence.saw(found.boxes, fleet, asked_at, monotonic())
        self._status = replace(
            self._status,
            recovering=fleet.recovering,
            others=tuple(row for row in found.boxes if row.name != box.name),
            fleet=fleet,
            silent_s=dict(self._silence.silent_s()),
        )
        for silent in due.rescues:
            self._rescue(silent)
        for silent in due.doubts:
            self._doubt_rescued(silent)

    def _rescue(self, silent: Silent) -> None:
        with self._link.transaction() as db:
            dead = boxes.rescue(db, silent.name, silent.epoch, silent.beat)
        if dead:
            settled = self._settle_rescued()
            log.warning(
                "fleet: %s is silent: %d messages that it had claimed wait for other boxes",
                silent.name,
                settled,
            )

    def _settle_rescued(self) -> int:
        """Let the claimed messages of old epochs wait again; their number."""
        total = 0
        while True:
            with self._link.transaction() as db:
                settled = boxes.settle_rescued(db, self._moment(), self._calendar)
            if not settled:
                return total
            total += settled
            self._may_wait = True

    def _doubt_rescued(self, silent: Silent) -> None:
        total = 0
        while True:
            with self._link.transaction() as db:
                doubted = boxes.doubt_rescued(
                    db, silent.name, silent.epoch, silent.beat, self._moment(), self._calendar
                )
            if not doubted:
                break
            total += len(doubted)
        self._silence.doubted(silent)
        if total:
            log.warning("fleet: %d messages that %s had started are in doubt", total, silent.name)

    def _moment(self) -> Moment:
        return self._clock.moment(self._calendar)

    def _own_box(self) -> Box:
        if self._box is None:
            raise _JoinAnewError
        return self._box

    # The journal and the rows

    def _upload(self) -> None:
        """Tell all outcomes that the journal has, in order."""
        box = self._own_box()
        while batch := self._journal.untold(self._acknowledged, UPLOADED_AT_ONCE):
            told = [
                Outcome(each.number, each.at, each.kind, each.message_id, each.seq, each.document, each.epoch)
                for each in batch
            ]
            answer = self._upload_batch(box, told)
            aside = {each.number: each.reason for each in answer.set_aside}
            for number, reason in aside.items():
                log.error("fleet: outcome %d cannot be told and is set aside: %s", number, reason)
            self._journal.told(batch[0].number, answer.acknowledged, aside, self._clock.now())
            self._acknowledged = answer.acknowledged
            self._status = replace(self._status, acknowledged=answer.acknowledged)
            if answer.settled:
                self._hooks.settled(answer.settled)
            if len(batch) < UPLOADED_AT_ONCE:
                return

    def _tell_caught_up(self) -> None:
        """PostgreSQL was restored, and this box has told everything again: also of parts that were on their way."""
        entries, untold = self._journal.entries([])
        if untold or any(entry.submitting for entry in entries.values()):
            return
        with self._link.transaction() as db:
            boxes.caught_up(db, self._own_box())
        self._tells_again = False

    def _upload_batch(self, box: Box, told: list[Outcome]) -> Uploaded:
        with self._link.transaction() as db:
            return uploads.upload(
                db,
                box,
                told,
                at=self._moment(),
                calendar=self._calendar,
                submit_timeout_s=self._settings.submit_timeout_s,
                text_taken=self.text_taken,
            )

    def _reconcile(self) -> None:
        """Compare rows and journal until they agree, then let the ports send."""
        box = self._own_box()
        for _ in range(_ROUNDS):
            self._upload()
            with self._link.transaction() as db:
                listed = rows.own(db, box.name)
            entries, untold = self._journal.entries([row.message_id for row in listed])
            plan = compare(
                box,
                listed,
                entries,
                untold,
                self._own_sims.may_send,
                recovering=self._fleet is not None and self._fleet.recovering,
            )
            if plan.is_empty:
                break
            self._carry_out(box, plan)
            if set(plan.unknown) == self._unknown and plan.unknown:
                raise _JoinAnewError  # they were not adopted meanwhile
            if not (plan.stamp or plan.release or plan.lost or plan.tell_again):
                break
        self._unknown = set(plan.unknown)
        self._reconcile_at = monotonic() + (_LOOKED_AGAIN_S if plan.unknown else _RECONCILED_EVERY_S)
        was_open = self._permit.is_open()
        self._permit.open(box.epoch)
        if not was_open:
            self._hooks.queued(
                {sim_id: load.started for sim_id, load in self._journal.work(box.epoch).loads.items()}
            )
            self._hooks.wake_ports()

    def _carry_out(self, box: Box, plan: Plan) -> None:
        if plan.drop:
            self._journal.drop(plan.drop)
        if plan.tell_again:
            self._journal.tell_again(plan.tell_again, self._clock.now())
        if plan.stamp:
            self._stamp(box, plan.stamp)
        if plan.lost:
            with self._link.transaction() as db:
                releases.lose(db, box, plan.lost, self._moment(), self._calendar)
        if plan.release:
            dropped = self._journal.drop([row.message_id for row in plan.release])
            self._to_release += [row for row in plan.release if row.message_id in dropped]
            self._release_rows(box)

    def _stamp(self, box: Box, listed: list[ListedRow]) -> None:
        without = self._journal.without_row([row.message_id for row in listed])
        with self._link.transaction() as db:
            stamped = starts.stamp(db, box, listed)
            taken = Taken(
                sims={message_id: each.sim_id for message_id, each in stamped.items()},
                rows=takings.message_rows(
                    db, [message_id for message_id in stamped if message_id in without]
                ),
                started={
                    message_id: each.parts for message_id, each in stamped.items() if each.state == STARTED
                },
            )
        self._by_comparison.update(taken.started)
        self._keep(box, taken)

    def _take_accepted(self) -> None:
        """Adopt the messages that this box accepted as started."""
        box, found = self._own_box(), self._to_adopt
        try:
            while True:
                one = self._accepted.get_nowait()
                if one is None:
                    raise _JoinAnewError
                if one.epoch == box.epoch and one.message_id not in self._by_comparison:
                    found[one.message_id] = one
        except Empty:
            pass
        if not found:
            return
        sims = {one.message_id: one.sim_id for one in found.values()}
        rows = {one.message_id: one.row for one in found.values()}
        self._keep(box, Taken(sims, rows, dict.fromkeys(rows, ())), already=set(rows))
        found.clear()

    def _release(self) -> None:
        """Release what was given back, and what no SIM of this box can send now."""
        box = self._own_box()
        self._to_release += [row for row in self._source.take_given_back() if row.epoch == box.epoch]
        if self._looked:
            self._looked = False
            self._drop_stuck(box)
        self._release_rows(box)

    def _drop_stuck(self, box: Box) -> None:
        """Drop what was not begun and no SIM of this box can send, or what has expired here."""
        found, untold = self._journal.entries([])
        stuck = {
            sim_id
            for sim_id in {entry.sim_id for entry in found.values() if entry.sim_id is not None}
            if not self._own_sims.may_send(sim_id)
        }
        self._drop_untouched(
            box,
            [
                entry
                for message_id, entry in found.items()
                if (entry.sim_id in stuck or entry.status != "pending") and message_id not in untold
            ],
        )

    def _drop_untouched(self, box: Box, entries: Sequence[Entry]) -> None:
        """Drop those of these messages of which nothing was handed over; they are released next."""
        wanted = [
            each
            for each in entries
            if each.state in (CLAIMED, STARTED) and each.epoch == box.epoch and each.untouched
        ]
        if not wanted:
            return
        dropped = self._journal.drop([each.message_id for each in wanted], begun=False)
        self._to_release += [
            ListedRow(each.message_id, each.state, each.epoch)
            for each in wanted
            if each.message_id in dropped
        ]

    def _release_rows(self, box: Box) -> None:
        """Release what was dropped, after the causes for which it was refused are told: another SIM may take it at once."""
        if not self._to_release:
            return
        self._upload()
        with self._link.transaction() as db:
            releases.release(db, box, self._to_release, self._moment(), self._calendar)
        self._to_release.clear()
        self._may_wait = True

    # Claims and starts

    def _fill(self) -> None:
        """Claim what the SIMs of this box can send, and start a little of it ahead, in one transaction."""
        box = self._own_box()
        if not self._permit.is_open() or self._fleet is None or self._fleet.recovering:
            return
        able = self._own_sims.able()
        work = self._journal.work(box.epoch)
        wants = capacity.wants(able, work.loads, self._own_sims.part_s(), self._settings.prefetch_s)
        claims_now = bool(wants) and self._may_wait
        first = capacity.to_start(able, work.loads, [row[:2] for row in work.startable])
        if not claims_now and not first:
            return
        self._may_wait = self._may_wait and not claims_now  # set again by a notice that comes meanwhile
        at, claimed = self._moment(), list[ClaimedMessage]()
        with self._link.transaction() as db:
            if claims_now:
                closed = self._own_sims.closed(at)
                claimed = claims.claim(
                    db, box, wants, lanes=self._lanes, closed=closed, at=at, calendar=self._calendar
                )
            startable = [row[:2] for row in work.startable]
            startable += [(each.message_id, each.sim_id) for each in claimed]
            ahead = capacity.to_start(able, work.loads, startable)
            started: Mapping[int, Started] = starts.start(db, box, ahead) if ahead else {}
        if claimed:
            self._may_wait = True  # more may wait
            self._hooks.claimed(Counter(each.sim_id for each in claimed))
        sims = {each.message_id: each.sim_id for each in claimed}
        new = {each.message_id: each.row for each in claimed}
        lost = [message_id for message_id in ahead if message_id not in started]
        for message_id in lost:
            sims.pop(message_id, None)
            new.pop(message_id, None)
        sims |= {message_id: each.sim_id for message_id, each in started.items()}
        parts = {message_id: each.parts for message_id, each in started.items()}
        if sims or lost:
            self._keep(box, Taken(sims, new, parts, lost))

    def _keep(self, box: Box, taken: Taken, already: Sequence[int] | set[int] = ()) -> None:
        queued = self._journal.take(taken, box.epoch, already)
        if queued:
            self._hooks.queued(queued)

    # Doubts

    def _decide_doubts(self) -> None:
        box, fleet = self._own_box(), self._fleet
        if fleet is None or fleet.in_doubt == "hold":
            return
        names = [box.name, *(row.name for row in self._status.others if not row.alive)]
        with self._link.transaction() as db:
            found = doubts.open_doubts(db, names)
        due = self._doubts.due(found, fleet.in_doubt_wait_s, monotonic())
        if not due:
            return
        with self._link.transaction() as db:
            decided = doubts.decide(
                db,
                due,
                fleet.in_doubt,
                max_attempts=self._settings.max_attempts,
                at=self._moment(),
                calendar=self._calendar,
            )
        self._may_wait = self._may_wait or bool(decided.retried)
        if decided.changed:
            self._hooks.settled(decided.changed)
