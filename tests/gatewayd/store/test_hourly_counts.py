"""The counts by hour and month are exactly those that a look at every message gives, whatever happened meanwhile."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatewayd.errors import ConflictError
from gatewayd.records import Draft, Options
from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import accounts, hourly_counts
from gatewayd.store.tables.hourly_counts import HOUR, Counts, HourCounts
from gatewayd.timekeeping.clock import Calendar, month_of
from modem.errors import Kind
from modem.parts import InDoubt, Submission, Submitted
from modem.port.interface import Outcome
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, A, B, PlayedGateway, refused, report, report_on

STEPS = 150
PRICE = {A: 0.05, B: 17.5}

# What every message says of itself. A message that failed after it was sent was sent first.
SENT = "(status IN ('sent', 'delivered') OR status = 'failed' AND sent_at <= failed_at)"
SCANNED = {
    "accepted": ("created_at", "1"),
    "sent": ("sent_at", SENT),
    "delivered": ("delivered_at", "status = 'delivered'"),
    "failed": ("failed_at", f"status = 'failed' AND NOT coalesce({SENT}, 0)"),
    "undelivered": ("failed_at", f"status = 'failed' AND {SENT}"),
}


_BY_HOUR = f"SELECT {{at}} / {HOUR}, count(*) FROM messages WHERE {{which}} GROUP BY 1"  # noqa: S608 - constants


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, in_doubt_wait_s=0.01, backoff_s=(0.01,), max_attempts=2, in_doubt="fail")
    played.up(1, A)
    played.up(2, B)
    for iccid, cost in PRICE.items():
        played.set_sim(iccid, cost=cost)
    yield played
    played.close()


def month(played: PlayedGateway, moment: int) -> str:
    return month_of(Calendar(played.settings.numbers.zone).day(moment))


def add(played: PlayedGateway) -> bool:
    return played.store.write(lambda db: hourly_counts.add_new(db, lambda at: month(played, at)))


def hours(played: PlayedGateway, company_id: int | None = None) -> list[HourCounts]:
    with played.store.readers.lend() as db:
        return hourly_counts.by_hour(db, 0, 2**40, company_id)


def total(rows: list[HourCounts]) -> Counts:
    return sum((row.counts for row in rows), Counts())


def scanned(played: PlayedGateway) -> Counts:
    """The counts that a look at every message gives."""
    with played.store.readers.lend() as db:
        counts = {
            name: _one(db, f"count(*) FROM messages WHERE {which}") for name, (_, which) in SCANNED.items()
        }
        ended = "FROM messages WHERE status <> 'pending'"
        return Counts(
            **counts,
            cancelled=_one(db, "count(*) FROM messages WHERE status = 'cancelled'"),
            partly=_one(db, f"count(*) {ended} AND status = 'failed' AND NOT coalesce({SENT}, 0) AND unsent < parts"),
            parts=_one(db, f"sum(parts - unsent) {ended}"),
            cost=_one(db, f"coalesce(sum(cost * (parts - unsent) / parts), 0) {ended}"),
        )  # fmt: skip


def _one(db: Connection, sql: str) -> int:
    value: int = db.execute(f"SELECT {sql}").fetchone()[0]
    return value


class Chance:
    """Random clients, modems, networks and restarts."""

    def __init__(self, played: PlayedGateway, seed: int) -> None:
        self.played = played
        self.chance = random.Random(seed)  # noqa: S311 - repeatable
        self.reference = 0
        self.sent: list[str] = []
        self.air: list[tuple[int, int]] = []  # port and TP-MR of the parts that a report may follow
        self.claimed: dict[int, Submission] = {}

    def step(self) -> None:
        self.played.clock.at += self.chance.randrange(1, HOUR // 4)
        step = self.chance.choices(
            (self._send, self._claim, self._settle, self._report, self._cancel, self._restart, self._add),
            (6, 8, 8, 4, 1, 0.3, 1),
        )[0]
        step()

    def _send(self) -> None:
        options = Options(campaign_id=self.chance.choice((None, 7, 8)))
        draft = Draft(RECIPIENT, "x" * self.chance.choice((5, 5, 200, 400)))
        self.sent.append(self.played.gateway.submit(self.played.caller, draft, options, None, 0)[0].sms_id)  # type: ignore[union-attr]

    def _claim(self) -> None:
        port = self.chance.choice((1, 2))
        if port not in self.claimed and isinstance(step := self.played.next(port), Submission):
            self.claimed[port] = step

    def _settle(self) -> None:
        if not self.claimed:
            return
        port, part = self.claimed.popitem()
        self.reference = (self.reference + 1) % 256
        result = self.chance.choices(
            (
                Submitted(self.reference),
                refused(Kind.RECIPIENT, 1),
                refused(Kind.SIM),
                InDoubt("no answer"),
            ),
            (8, 1, 1, 1),
        )[0]
        self.air.append((port, self.reference))
        outcome = Outcome(part, result, self.played.clock.passed, self.played.clock.passed)
        following = self.played.next(port, outcome)
        if isinstance(following, Submission):
            self.claimed[port] = following

    def _report(self) -> None:
        if self.air:
            port, reference = self.air.pop(self.chance.randrange(len(self.air)))
            status = self.chance.choice((0, 0, 0x46))
            told = replace(report(self.played, reference, status), service_centre_at=None)
            self.played.gateway.dispatcher.reported(self.played.statuses[port], told)

    def _cancel(self) -> None:
        if self.sent:
            try:
                self.played.gateway.cancel(self.played.caller, self.chance.choice(self.sent))
            except ConflictError:
                self.sent.pop(0)

    def _restart(self) -> None:
        self.claimed.clear()
        self.played.restart()
        self.played.up(1, A)
        self.played.up(2, B)

    def _add(self) -> None:
        add(self.played)


@pytest.mark.parametrize("seed", range(3))
def test_after_random_outcomes_and_restarts_the_counts_are_exact(played: PlayedGateway, seed: int) -> None:
    chance = Chance(played, seed)
    for _ in range(STEPS):
        chance.step()
    played.gateway.timers.stop(10)  # they decide parts in doubt, between two looks
    counted = total(hours(played))
    assert counted == _rounded(scanned(played))
    assert counted.sent > 5
    assert counted.failed > 0
    with played.store.readers.lend() as db:
        found = hourly_counts.months(db, played.company, lambda at: month(played, at))
        rows = [
            row
            for name in found
            for row in hourly_counts.of_month(db, played.company, name, lambda at: month(played, at))
        ]
    assert sum((row.counts for row in rows), Counts()) == counted
    assert {row.campaign_id for row in rows} == {None, 7, 8}
    while add(played):
        pass
    assert total(hours(played, played.company)) == counted  # added, it is the same
    for name, (at, which) in SCANNED.items():
        seen: Counter[int] = Counter()
        for row in hours(played):
            seen[row.hour] += getattr(row.counts, name)
        with played.store.readers.lend() as db:
            found_by_hour = db.execute(_BY_HOUR.format(at=at, which=which))
            assert +seen == {row[0]: row[1] for row in found_by_hour}, name


def _rounded(counts: Counts) -> Counts:
    return replace(counts, cost=round(counts.cost, 6))


def test_a_part_that_is_taken_after_its_message_failed_is_counted(played: PlayedGateway) -> None:
    played.send("x" * 200, sim=played.sim(A))
    second = played.settle(1, played.claim(1), Submitted(1))
    assert isinstance(second, Submission)
    report_on(played, 1, 1, status=0x46)
    played.settle(1, second, Submitted(2))
    counts = total(hours(played))
    assert (counts.failed, counts.partly, counts.parts, counts.cost) == (1, 1, 2, 0.1)
    assert counts.unbilled == 0


def test_outcomes_wait_while_the_clock_is_wrong_and_move_with_it(played: PlayedGateway) -> None:
    right = played.clock.at
    played.clock.at, played.clock.trusted = HOUR, False
    played.send(sim=played.sim(A))
    played.settle(1, played.claim(1), Submitted(1))
    played.clock.at, played.clock.trusted = right, True
    played.store.write(lambda db: played.gateway.restamp(db, 0, right - HOUR))
    found = hours(played)
    assert {row.hour for row in found} == {right // HOUR}
    assert (total(found).accepted, total(found).sent) == (1, 1)


def test_events_are_counted_before_they_are_deleted(played: PlayedGateway) -> None:
    """Also where the box was off for longer than events are kept."""
    played.send(sim=played.sim(A))
    played.settle(1, played.claim(1), Submitted(1))
    retention = played.gateway._event_retention  # noqa: SLF001
    for days in (0, 8, 8):
        played.clock.at += days * 24 * HOUR
        eventually(lambda: not retention._running)  # noqa: SLF001
        retention.begin()
        eventually(lambda: not retention._running)  # noqa: SLF001
        played.gateway.opt_outs.add(played.caller, f"+2237012345{days}", None, "cli")
    assert played.row("SELECT count(*) FROM events WHERE message_id IS NOT NULL")[0] == 0
    assert total(hours(played)).sent == 1


def test_old_hours_and_months_are_deleted(played: PlayedGateway) -> None:
    played.send()
    add(played)
    hour = played.clock.at // HOUR
    played.store.write(lambda db: hourly_counts.forget_before(db, hour, "2027-01"))
    assert total(hours(played)).accepted == 1
    played.store.write(lambda db: hourly_counts.forget_before(db, hour + 1, "2999-01"))
    assert not hours(played)
    with played.store.readers.lend() as db:
        assert hourly_counts.months(db, played.company, lambda at: month(played, at)) == []


def test_other_companies_are_not_counted_with_one(played: PlayedGateway) -> None:
    other = played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
    played.send()
    assert hours(played, other) == []
    add(played)
    assert hours(played, other) == []
    assert total(hours(played, played.company)).accepted == 1


def test_an_older_database_is_filled_from_its_messages(played: PlayedGateway) -> None:
    chance = Chance(played, 5)
    for _ in range(STEPS):
        chance.step()
    played.close()
    with sqlite3.connect(played.settings.store.path) as db:
        for table in ("hourly_counts", "monthly_counts", "counted"):
            db.execute(f"DROP TABLE {table}")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm029_hourly_counts'")
    db.close()
    played.open()
    eventually(lambda: total(hours(played)) == _rounded(scanned(played)))
