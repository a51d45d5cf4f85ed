"""Loop tests: SIMs of the box text each other, to see that texts really leave and arrive.

Registered is not the same as able to send. Each text is a message like any other, pinned to its SIM and urgent, but of no
company. It is known by its token where it comes in, and kept out of the inbox. Nobody waits in a thread: what happens
to a test comes as news of its message, is stamped on the monotonic clock, and is looked at by the timers' thread.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from config.settings import LoopTestSettings
from gatewayd.errors import ConflictError, GatewayError, StorageUnavailableError
from gatewayd.loop_test.plan import Leg, Place, Station, nameless, plan
from gatewayd.loop_test.verdict import INTERRUPTED, judge
from gatewayd.messages import lifecycle
from gatewayd.messages.effects import Effects
from gatewayd.messages.reasons import EXPIRED, Reason
from gatewayd.records import Draft, LoopTestRecord, Options, Priority
from gatewayd.sending import routing
from gatewayd.sending.intake import Intake, Measured
from gatewayd.sending.result_waiters import ResultWaiters
from gatewayd.sending.routing import Candidate
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import loop_tests, messages, parts, sims
from gatewayd.timekeeping.clock import SECOND, Clock, Moment
from gatewayd.timekeeping.timers import Timers
from modem.port.interface import Unreadable
from modem.sms.tpdu import Deliver

log = logging.getLogger(__name__)

TIMEOUT_S = 300.0
"""How long a test may take, times the SIMs that share a port: half a minute for each change of slot, and a slow network."""

LONGEST_S = 86_400.0

_TEXT = "gatewayd loop test {}"
_TOKEN = re.compile(
    r"gatewayd loop test ([0-9a-f]{16})", re.ASCII
)  # anywhere: some networks add words of their own

# A text that was not sent in time is taken back. Where it is in the air just then, it expires so much later.
_EXPIRES_LATER_S = 60.0

_FIRST_S = 120.0  # after a start: modems are up and registered by then
_AGAIN_S = 600.0  # after a round that could not begin


def took(db: Transaction, sim_id: int, text: Deliver | Unreadable, effects: Effects) -> bool:
    """Whether what came in on a SIM is a test's text, which is none for the inbox. Within a transaction."""
    found = _TOKEN.search(text.text) if isinstance(text, Deliver) and text.concat is None else None
    test = None if found is None else loop_tests.arrived(db, found[1], sim_id)
    if test is None:
        return False
    if test.sms_id is not None:
        effects.changed.append(test.sms_id)
    return True


class Wakeable(Protocol):
    """A port, as far as a loop test needs it."""

    def wake(self) -> None:
        """There may be work."""


@dataclass(slots=True)
class _Test:
    """One text of a round. After the start only the timers' thread touches it."""

    leg: Leg
    token: str
    id: int = 0
    sms_id: str | None = None
    began: float = 0.0
    submit_s: float | None = None
    arrive_s: float | None = None
    report_s: float | None = None
    ended: bool = False


@dataclass(slots=True)
class Round:
    """Tests that were begun together. `done` is set when the last one has ended, and cancelled where the gateway stops."""

    ids: list[int]
    timeout_s: float
    notes: list[str]  # SIMs that nobody could text, and what to do about it
    done: Future[None] = field(default_factory=Future)


class LoopTests:
    """One round at a time. `offer`: tells the ports of messages that were kept for these SIMs."""

    def __init__(
        self,
        settings: LoopTestSettings,
        store: Store,
        clock: Clock,
        moment: Callable[[], Moment],
        port_registry: PortRegistry,
        timers: Timers,
        waiters: ResultWaiters,
        intake: Intake,
        offer: Callable[[dict[int, int]], None],
    ) -> None:
        self._every_s = settings.every_s
        self._store = store
        self._clock = clock
        self._moment = moment
        self._port_registry = port_registry
        self._timers = timers
        self._waiters = waiters
        self._intake = intake
        self._offer = offer
        self._ports: Mapping[int, Wakeable] = {}
        self._lock = threading.Lock()
        self._running = False
        self._stopped = False
        self._round: Round | None = None

    def start(self, ports: Mapping[int, Wakeable]) -> None:
        """End what the last process left running, and begin with the schedule where there is one."""
        self._ports = ports
        self._timers.after(0.0, self._resume)

    def stop(self) -> None:
        """Nobody waits for a round any longer."""
        with self._lock:
            self._stopped = True
            round_ = self._round
        if round_ is not None:
            round_.done.cancel()

    def last(self) -> list[LoopTestRecord]:
        """The last test of each SIM. Raises StorageUnavailableError."""
        try:
            with self._store.readers.lend() as db:
                return loop_tests.last(db)
        except StoreUnavailableError as error:
            raise StorageUnavailableError from error

    def wait(self, round_: Round, wait_s: float) -> None:
        """Return when a round has ended, after `wait_s`, or when the gateway stops."""
        with suppress(TimeoutError, CancelledError):
            round_.done.result(wait_s)

    def of(self, round_: Round) -> list[LoopTestRecord]:
        """The tests of a round as they stand. Raises StorageUnavailableError."""
        try:
            with self._store.readers.lend() as db:
                return [row.record for row in loop_tests.some(db, round_.ids)]
        except StoreUnavailableError as error:
            raise StorageUnavailableError from error

    def begin(
        self, source: Place | None = None, target: Place | None = None, timeout_s: float | None = None
    ) -> Round:
        """Begin a round (see `plan`); it ends within `timeout_s`, by default `TIMEOUT_S` times the SIMs that share a port.

        Raises: ConflictError (one runs already, or there is no SIM to test), StorageUnavailableError. Then nothing is sent.
        """
        with self._lock:
            if self._running or self._stopped:
                raise ConflictError("A loop test is running already: ask again when it has ended")
            self._running = True
        try:
            return self._begin(source, target, timeout_s)
        except StoreUnavailableError as error:
            self._end()
            raise StorageUnavailableError from error
        except BaseException:
            self._end()
            raise

    def _begin(self, source: Place | None, target: Place | None, timeout_s: float | None) -> Round:
        stations = self._stations()
        legs = plan(stations, source, target)
        if timeout_s is None:
            timeout_s = TIMEOUT_S * max(Counter(station.port for station in stations).values())
        tests = [_Test(leg, secrets.token_hex(8)) for leg in legs]
        round_ = Round([], timeout_s, nameless(stations) if target is None else [])
        with self._lock:
            self._round = round_
        drafts = {
            test.token: self._intake.measure(Draft(test.leg.target.number, _TEXT.format(test.token)))
            for test in tests
            if test.leg.sender.hurdle is None
        }
        for test in tests:
            if test.token in drafts:
                test.sms_id = drafts[test.token].sms_id
                self._waiters.follow(test.sms_id, partial(self._told, tests, round_))

        def begun(begun: dict[str, tuple[int, float]]) -> None:
            """Before any other transaction can end these tests, or tell news of them."""
            for test in tests:
                test.id, test.began = begun[test.token]
            round_.ids = [test.id for test in tests]

        try:
            self._store.take(lambda db: self._keep(db, tests, drafts, round_.timeout_s), then=begun)
        except StoreUnavailableError:
            self._forget(tests)
            raise
        by_sim = dict(Counter(test.leg.sender.sim_id for test in tests if test.sms_id is not None))
        for port in {test.leg.target.port for test in tests}:
            self._ports[port].wake()  # it may have to turn to another slot for its text
        self._offer(by_sim)
        self._timers.after(0.0, partial(self._look, tests, round_, None))
        self._timers.after(timeout_s, partial(self._time_is_over, tests, round_))
        return round_

    def _stations(self) -> list[Station]:
        """The SIMs that are up and in service."""
        at, places = self._moment(), self._port_registry.sims()
        with self._store.readers.lend() as db:
            found: list[Station] = []
            for sim in sims.shown(db, at.today):
                place = places.get(sim.id)
                if place is None or not place.up or not sim.enabled:
                    continue
                left = routing.room(db, sim, at.today)
                number = sim.shown_number if sim.shown_number.startswith("+") else ""
                found.append(
                    Station(
                        sim.id,
                        place.port,
                        place.slot,
                        number,
                        sim.cost,
                        place.active,
                        place.registered,
                        left is None or left > 0,
                    )
                )
        return found

    def _keep(
        self, db: Transaction, tests: list[_Test], drafts: Mapping[str, Measured], timeout_s: float
    ) -> dict[str, tuple[int, float]]:
        """Keep the tests and their messages; by the token of each test its id, and when it began (monotonic)."""
        begun: dict[str, tuple[int, float]] = {}
        options = Options(priority=Priority.OTP, expires_in_s=round(timeout_s + _EXPIRES_LATER_S))
        for test in tests:
            sender, draft = test.leg.sender, drafts.get(test.token)
            if draft is not None:
                sim = Candidate(sender.sim_id, sender.number, "", None, False, sender.cost, None, 0.0)
                self._intake.take_own(db, draft, sim, options)
            sms_id = None if draft is None else draft.sms_id
            began, now = self._clock.monotonic(), self._moment().now
            test_id = loop_tests.begin(db, test.token, sms_id, sender.sim_id, test.leg.target.sim_id, now)
            begun[test.token] = (test_id, began)
        return begun

    # What follows runs on the timers' thread, but for `_told`.

    def _resume(self) -> None:
        self._store.write(self._interrupt)
        if self._every_s:
            with self._store.readers.lend() as db:
                newest = loop_tests.newest(db)
            # After a clock that was set back the age says nothing: then it is as if there was none.
            age_s = self._every_s if newest is None else (self._clock.now() - newest) / SECOND
            left_s = self._every_s - age_s if 0 <= age_s < self._every_s else 0.0
            self._timers.after(max(left_s, min(_FIRST_S, self._every_s)), self._scheduled)

    def _interrupt(self, db: Transaction) -> None:
        # A round may have begun by now: it has its ids before its own transaction ends.
        begun = [] if self._round is None else self._round.ids
        loop_tests.interrupt(db, begun, INTERRUPTED.english, INTERRUPTED.french)

    def _told(self, tests: list[_Test], round_: Round) -> None:
        """There is news of a test's message: the thread that brings it has no time for the disk."""
        self._timers.after(0.0, partial(self._look, tests, round_, self._clock.monotonic()))

    def _look(self, tests: list[_Test], round_: Round, at: float | None) -> None:
        """Take note of what has happened to tests by `at` (monotonic), and end those that are over."""
        self._take_note(tests, round_, self._clock.monotonic() if at is None else at, over=False)

    def _time_is_over(self, tests: list[_Test], round_: Round) -> None:
        self._store.write(lambda db: self._withdraw(db, tests))
        self._take_note(tests, round_, self._clock.monotonic(), over=True)

    def _withdraw(self, db: Transaction, tests: list[_Test]) -> None:
        """What was not sent by now is not sent later either."""
        for test in tests:
            row = None if test.ended or test.sms_id is None else messages.by_sms_id(db, test.sms_id)
            if row is not None and row.status == "pending" and not parts.has_open(db, row.id):
                lifecycle.fail(db, row.id, row.failure_reason or EXPIRED.told, self._moment(), Effects())

    def _take_note(self, tests: list[_Test], round_: Round, now: float, *, over: bool) -> None:
        open_ = {test.id: test for test in tests if not test.ended}
        if not open_:
            return
        with self._store.readers.lend() as db:
            rows = loop_tests.some(db, list(open_))

        ended: list[int] = []
        notes: list[tuple[_Test, str, Reason | None]] = []
        for row in rows:
            test = open_[row.id]
            since = round(now - test.began, 3)
            if row.taken and test.submit_s is None:
                test.submit_s = since
            if row.message_status == "delivered" and test.report_s is None:
                test.report_s = since
            if row.arrived_sim is not None and test.arrive_s is None:
                test.arrive_s = since
            outcome, words = judge(row, hurdle=test.leg.sender.hurdle, over=over)
            notes.append((test, outcome, words))
            if outcome != "running":
                ended.append(test.id)

        def note(db: Transaction) -> None:
            for test, outcome, words in notes:
                loop_tests.note(
                    db,
                    test.id,
                    submit_s=test.submit_s,
                    arrive_s=test.arrive_s,
                    report_s=test.report_s,
                    outcome=outcome,
                    detail="" if words is None else words.english,
                    detail_fr="" if words is None else words.french,
                )

        self._store.write(note)
        for test_id in ended:
            open_[test_id].ended = True
        self._forget([open_[test_id] for test_id in ended])
        with self._store.readers.lend() as db:
            for row in loop_tests.some(db, ended) if ended else []:
                _log(row.record)
        if all(test.ended for test in tests):
            self._end()
            if round_.done.set_running_or_notify_cancel():
                round_.done.set_result(None)

    def _forget(self, tests: list[_Test]) -> None:
        for test in tests:
            if test.sms_id is not None:
                self._waiters.forget(test.sms_id)

    def _end(self) -> None:
        with self._lock:
            self._running = False
            self._round = None

    def _scheduled(self) -> None:
        again_s = self._every_s
        try:
            self.begin()
        except GatewayError as error:
            log.warning("the loop test could not begin: %s", error)
            again_s = min(_AGAIN_S, self._every_s)
        self._timers.after(again_s, self._scheduled)


def _log(test: LoopTestRecord) -> None:
    times = ", ".join(
        f"{what} after {seconds:g} s"
        for what, seconds in (
            ("taken by the network", test.submit_s),
            ("there", test.arrive_s),
            ("reported", test.report_s),
        )
        if seconds is not None
    )
    log.log(
        logging.INFO if test.outcome == "arrived" else logging.WARNING,
        "loop test from SIM %d (port %d, slot %d) to SIM %d: %s%s%s%s",
        test.from_sim,
        test.from_port,
        test.from_slot,
        test.to_sim,
        test.outcome.replace("_", " "),
        f" ({times})" if times else "",
        f". {test.detail}" if test.detail else "",
        f" The network said: {test.reason}" if test.reason and not test.arrived else "",
    )
