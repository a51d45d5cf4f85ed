"""Loop tests: SIMs of the box text each other, to check that texts leave and arrive.

A registered SIM is not always able to send. Each text is a normal message, pinned to its SIM and urgent, of no company. Its
token identifies it where it arrives, and it is kept out of the inbox. No thread waits: the change of a message is stamped
on the monotonic clock by the thread that reports it, and recorded by the timers' thread.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from config.language.text import Text
from config.settings import LoopTestSettings
from gatewayd.errors import ConflictError, GatewayError, StorageUnavailableError, storage_errors
from gatewayd.loop_test.arrivals import text_of
from gatewayd.loop_test.outcomes import INTERRUPTED
from gatewayd.loop_test.plan import SimAddress, nameless, plan
from gatewayd.loop_test.progress import LoopTest, log_outcomes, record_progress, withdraw
from gatewayd.loop_test.sims_in_service import sims_in_service
from gatewayd.records import Draft, LoopTestRecord, Options, Priority
from gatewayd.sending.intake import Intake, PreparedDraft
from gatewayd.sending.result_waiters import ResultWaiters
from gatewayd.sending.routing import Candidate
from gatewayd.sims.limits import room_without_limits
from gatewayd.sims.port_control import PortControl
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import loop_tests
from gatewayd.timekeeping.clock import SECOND, Clock, Moment
from gatewayd.timekeeping.timers import Timers

log = logging.getLogger(__name__)

TIMEOUT_S = 300.0
"""The longest time of a test, for each SIM that shares a port: a change of slot takes 30 s, and a network may be slow."""

LONGEST_S = 86_400.0

# A text that was not sent in time is withdrawn. One that is being submitted then expires this much later.
_EXPIRES_LATER_S = 60.0

_FIRST_S = 120.0  # after a start: modems are up and registered by then
_AGAIN_S = 600.0  # after a round that could not begin


@dataclass(slots=True)
class Round:
    """Tests that began together. `done` is set when the last test ends, and cancelled when the gateway stops."""

    ids: list[int]
    timeout_s: float
    notes: list[str]  # about SIMs whose number is unknown, and how to set it
    done: Future[None] = field(default_factory=Future)


class LoopTests:
    """Runs one round at a time. `offer`: wakes the ports for messages that were kept: their number by SIM id."""

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
        self._ports: Mapping[int, PortControl] = {}
        self._lock = threading.Lock()
        self._running = False
        self._stopped = False
        self._round: Round | None = None

    def start(self, ports: Mapping[int, PortControl]) -> None:
        """End the tests that the last process left running, and start the schedule where there is one."""
        self._ports = ports
        self._timers.after(0.0, self._resume)

    def stop(self) -> None:
        """Release the requests that wait for a round."""
        with self._lock:
            self._stopped = True
            round_ = self._round
        if round_ is not None:
            round_.done.cancel()

    def last(self) -> list[LoopTestRecord]:
        """The last test of each SIM. Raises StorageUnavailableError."""
        with storage_errors(), self._store.readers.lend() as db:
            return loop_tests.last(db)

    def wait(self, round_: Round, wait_s: float) -> None:
        """Return when a round has ended, after `wait_s`, or when the gateway stops."""
        with suppress(TimeoutError, CancelledError):
            round_.done.result(wait_s)

    def of(self, round_: Round) -> list[LoopTestRecord]:
        """The tests of a round with their present outcomes. Raises StorageUnavailableError."""
        with storage_errors(), self._store.readers.lend() as db:
            return [row.record for row in loop_tests.some(db, round_.ids)]

    def begin(
        self,
        source: SimAddress | None = None,
        target: SimAddress | None = None,
        timeout_s: float | None = None,
    ) -> Round:
        """Begin a round (see `plan`); it ends within `timeout_s`, by default `TIMEOUT_S` times the SIMs that share a port.

        Raises: ConflictError (a round runs already, or no SIM can be tested), StorageUnavailableError. Then nothing is sent.
        """
        with self._lock:
            if self._running or self._stopped:
                raise ConflictError(Text("A loop test is running already: ask again when it has ended"))
            self._running = True
        try:
            return self._begin(source, target, timeout_s)
        except StoreUnavailableError as error:
            self._end()
            raise StorageUnavailableError from error
        except BaseException:
            self._end()
            raise

    def _begin(self, source: SimAddress | None, target: SimAddress | None, timeout_s: float | None) -> Round:
        sims_up = sims_in_service(self._store, self._port_registry, self._moment())
        pairs = plan(sims_up, source, target)
        if timeout_s is None:
            timeout_s = TIMEOUT_S * max(Counter(sim.port for sim in sims_up).values())
        tests = [LoopTest(pair, secrets.token_hex(8)) for pair in pairs]
        round_ = Round([], timeout_s, nameless(sims_up) if target is None else [])
        with self._lock:
            self._round = round_
        drafts = {
            test.token: self._intake.prepare(Draft(test.pair.target.number, text_of(test.token)))
            for test in tests
            if test.pair.sender.obstacle is None
        }
        for test in tests:
            if test.token in drafts:
                test.sms_id = drafts[test.token].sms_id
                self._waiters.follow(test.sms_id, partial(self._message_changed, tests, round_))

        def begun(begun: dict[str, tuple[int, float]]) -> None:
            """Set ids and times before another transaction can end these tests or change their messages."""
            for test in tests:
                test.id, test.began = begun[test.token]
            round_.ids = [test.id for test in tests]

        try:
            self._store.take(lambda db: self._keep(db, tests, drafts, round_.timeout_s), then=begun)
        except StoreUnavailableError:
            self._forget(tests)
            raise
        by_sim = dict(Counter(test.pair.sender.sim_id for test in tests if test.sms_id is not None))
        for number in {test.pair.target.port for test in tests}:
            port = self._ports.get(number)
            if port is not None:  # else it was removed at this moment
                port.wake()  # the port may have to switch to another slot to receive the text
        self._offer(by_sim)
        self._timers.after(0.0, partial(self._check, tests, round_, None))
        self._timers.after(timeout_s, partial(self._time_is_over, tests, round_))
        return round_

    def _keep(
        self, db: Transaction, tests: list[LoopTest], drafts: Mapping[str, PreparedDraft], timeout_s: float
    ) -> dict[str, tuple[int, float]]:
        """Keep the tests and their messages; by token, the id of each test and its start (monotonic seconds)."""
        begun: dict[str, tuple[int, float]] = {}
        options = Options(priority=Priority.OTP, expires_in_s=round(timeout_s + _EXPIRES_LATER_S))
        for test in tests:
            sender, draft = test.pair.sender, drafts.get(test.token)
            if draft is not None:
                room = room_without_limits(db, sender.sim_id, self._moment())
                sim = Candidate(sender.sim_id, sender.number, "", None, False, sender.cost, room, 0.0)
                self._intake.accept_own(db, draft, sim, options)
            sms_id = None if draft is None else draft.sms_id
            began, now = self._clock.monotonic(), self._moment().now
            test_id = loop_tests.begin(db, test.token, sms_id, sender.sim_id, test.pair.target.sim_id, now)
            begun[test.token] = (test_id, began)
        return begun

    # The methods below run on the timers' thread, except `_message_changed`.

    def _resume(self) -> None:
        self._store.write(self._interrupt)
        if self._every_s:
            with self._store.readers.lend() as db:
                newest = loop_tests.newest(db)
            # Where the clock was set back, the age is unknown: the test is due.
            age_s = self._every_s if newest is None else (self._clock.now() - newest) / SECOND
            left_s = self._every_s - age_s if 0 <= age_s < self._every_s else 0.0
            self._timers.after(max(left_s, min(_FIRST_S, self._every_s)), self._scheduled)

    def _interrupt(self, db: Transaction) -> None:
        # A round may have begun by now: its ids are set before its transaction ends.
        begun = [] if self._round is None else self._round.ids
        loop_tests.interrupt(db, begun, INTERRUPTED.en, INTERRUPTED.fr)

    def _message_changed(self, tests: list[LoopTest], round_: Round) -> None:
        """The message of a test changed. The calling thread must not wait for the disk."""
        self._timers.after(0.0, partial(self._check, tests, round_, self._clock.monotonic()))

    def _check(self, tests: list[LoopTest], round_: Round, at: float | None) -> None:
        """Record the progress of the tests by `at` (monotonic seconds; None: now)."""
        self._record(tests, round_, self._clock.monotonic() if at is None else at, over=False)

    def _time_is_over(self, tests: list[LoopTest], round_: Round) -> None:
        self._store.write(lambda db: withdraw(db, tests, self._moment()))
        self._record(tests, round_, self._clock.monotonic(), over=True)

    def _record(self, tests: list[LoopTest], round_: Round, now: float, *, over: bool) -> None:
        if all(test.ended for test in tests):
            return
        ended = record_progress(self._store, tests, now, over=over)
        self._forget(ended)
        log_outcomes(self._store, ended)
        if all(test.ended for test in tests):
            self._end()
            if round_.done.set_running_or_notify_cancel():
                round_.done.set_result(None)

    def _forget(self, tests: list[LoopTest]) -> None:
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
