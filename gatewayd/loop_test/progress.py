"""The progress of the tests of a round: times, outcomes and their log lines."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from gatewayd.loop_test.outcomes import outcome_of
from gatewayd.loop_test.plan import Pair
from gatewayd.messages import lifecycle
from gatewayd.messages.effects import Effects
from gatewayd.messages.reasons import EXPIRED, Reason
from gatewayd.records import LoopTestRecord
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import loop_tests, messages, parts
from gatewayd.timekeeping.clock import Moment

log = logging.getLogger(__name__)


@dataclass(slots=True)
class LoopTest:
    """One text of a round. After the start only the timers' thread uses it. Times are monotonic seconds."""

    pair: Pair
    token: str
    id: int = 0
    sms_id: str | None = None
    began: float = 0.0
    submit_s: float | None = None
    arrive_s: float | None = None
    report_s: float | None = None
    ended: bool = False


def record_progress(store: Store, tests: list[LoopTest], now: float, *, over: bool) -> list[LoopTest]:
    """Record the state of the tests at `now` (monotonic seconds); the tests that ended. `over`: their time is over.

    Raises StoreUnavailableError.
    """
    open_ = {test.id: test for test in tests if not test.ended}
    if not open_:
        return []
    with store.readers.lend() as db:
        rows = loop_tests.some(db, list(open_))
    ended: list[int] = []
    notes: list[tuple[LoopTest, str, Reason | None]] = []
    for row in rows:
        test = open_[row.id]
        since = round(now - test.began, 3)
        if row.taken and test.submit_s is None:
            test.submit_s = since
        if row.message_status == "delivered" and test.report_s is None:
            test.report_s = since
        if row.arrived_sim is not None and test.arrive_s is None:
            test.arrive_s = since
        outcome, reason = outcome_of(row, obstacle=test.pair.sender.obstacle, over=over)
        notes.append((test, outcome, reason))
        if outcome != "running":
            ended.append(test.id)
    store.write(lambda db: _write(db, notes))
    for test_id in ended:
        open_[test_id].ended = True
    return [open_[test_id] for test_id in ended]


def log_outcomes(store: Store, ended: list[LoopTest]) -> None:
    """Log the outcomes of tests that ended. Raises StoreUnavailableError."""
    if not ended:
        return
    with store.readers.lend() as db:
        for row in loop_tests.some(db, [test.id for test in ended]):
            _log(row.record)


def withdraw(db: Transaction, tests: list[LoopTest], at: Moment) -> None:
    """Fail the messages of tests that were not sent in time, within a transaction."""
    for test in tests:
        row = None if test.ended or test.sms_id is None else messages.by_sms_id(db, test.sms_id)
        if row is not None and row.status == "pending" and not parts.has_open(db, row.id):
            lifecycle.fail(db, row.id, row.failure_reason or EXPIRED.text, at, Effects())


def _write(db: Transaction, notes: list[tuple[LoopTest, str, Reason | None]]) -> None:
    for test, outcome, reason in notes:
        loop_tests.note(
            db,
            test.id,
            submit_s=test.submit_s,
            arrive_s=test.arrive_s,
            report_s=test.report_s,
            outcome=outcome,
            detail="" if reason is None else reason.en,
            detail_fr="" if reason is None else reason.fr,
        )


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
