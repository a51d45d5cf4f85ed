"""Limits of a SIM in messages, parts and different recipients: exact, given back, moved, and counted from the first message of the day."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from gatewayd.admin import sims
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError, GatewayError, SimUnavailableError
from gatewayd.records import Accepted, Draft, MessageFilter, Options
from gatewayd.store.migrations import migrations
from gatewayd.store.tables import sim_recipients
from gatewayd.timekeeping.clock import DAY, SECOND
from modem.errors import Kind
from modem.parts import Submission, Submitted
from modem.port.interface import Rest
from tests.conftest import eventually
from tests.gatewayd.played_ports import PlayedGateway, administration_context, refused

A, B = "8922301000000000001", "8922301000000000002"
LONG = "x" * 400  # three parts
HOUR = 3600 * SECOND
# 2026-11-30 10:00 in Bamako, whose time is UTC.
TEN = 1_796_032_800_000_000


def number(n: int) -> str:
    return f"+22370{n:06d}"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, backoff_s=(0.05,))
    played.clock.at = TEN
    played.up(1, A)
    yield played
    played.close()


@pytest.fixture
def admin(played: PlayedGateway) -> Context:
    return administration_context(played)


def limit(played: PlayedGateway, admin: Context, iccid: str = A, /, **changes: Any) -> dict[str, Any]:
    return sims.set_(admin, played.sim(iccid), sims.Changes(**changes))  # type: ignore[typeddict-item]


def can_send(played: PlayedGateway) -> bool:
    [sim] = played.gateway.sims(played.caller)[1]
    return sim.can_send_sms


def left(played: PlayedGateway, admin: Context, iccid: str = A) -> Any:
    return sims.show(admin, played.sim(iccid))["left"]


@pytest.mark.parametrize("field", ["daily_parts", "monthly_parts"])
def test_a_limit_in_parts_counts_parts(played: PlayedGateway, admin: Context, field: str) -> None:
    limit(played, admin, **{field: 4})
    played.send(LONG)
    assert left(played, admin) == {"messages": None, "parts": 1, "recipients": None}
    assert can_send(played)
    with pytest.raises(SimUnavailableError):
        played.send(LONG)  # three parts do not fit, one does
    played.send("short")
    assert not can_send(played)
    assert not played.gateway.ready()
    with pytest.raises(SimUnavailableError):
        played.send("short")


@pytest.mark.parametrize("field", ["daily_parts", "monthly_parts", "daily_recipients", "monthly_recipients"])
def test_a_limit_that_is_set_later_counts_what_was_sent_before(
    played: PlayedGateway, admin: Context, field: str
) -> None:
    played.send(recipient=number(1))
    played.send(recipient=number(2))
    played.send(recipient=number(2))
    cancelled = played.send(recipient=number(3))
    played.gateway.cancel(played.caller, cancelled)
    parts = field.endswith("parts")
    limit(played, admin, **{field: 4 if parts else 3})
    played.send(recipient=number(4))
    with pytest.raises(SimUnavailableError):
        played.send(recipient=number(5))


def test_a_limit_in_recipients_admits_known_recipients(played: PlayedGateway, admin: Context) -> None:
    limit(played, admin, daily_recipients=2)
    for recipient in (number(1), number(2), number(1)):
        played.send(recipient=recipient)
    assert left(played, admin)["recipients"] == 0
    assert not can_send(played)
    assert not played.gateway.ready()
    with pytest.raises(SimUnavailableError):
        played.send(recipient=number(3))
    played.send(recipient=number(2))


def test_a_recipient_of_this_month_may_be_new_today(played: PlayedGateway, admin: Context) -> None:
    limit(played, admin, daily_recipients=1, monthly_recipients=2, reset_hour=23)
    played.send(recipient=number(1))
    played.clock.at -= DAY  # still the same month
    played.send(recipient=number(2))
    played.clock.at += DAY
    with pytest.raises(SimUnavailableError):
        played.send(recipient=number(2))  # known this month, but the second of this day
    limit(played, admin, daily_recipients=2)
    played.send(recipient=number(2))
    limit(played, admin, daily_recipients=None)
    with pytest.raises(SimUnavailableError):
        played.send(recipient=number(3))
    played.send(recipient=number(1))


def test_a_bulk_takes_exactly_the_limit_of_recipients(played: PlayedGateway, admin: Context) -> None:
    limit(played, admin, daily_recipients=3)
    drafts = [Draft(number(n % 5), "x") for n in range(10)]
    taken, _ = played.gateway.submit_bulk(played.caller, drafts, Options(), None)
    assert isinstance(taken, list)
    assert [isinstance(one, Accepted) for one in taken] == [True, True, True, False, False] * 2


def test_threads_get_exactly_the_limit_of_recipients(played: PlayedGateway, admin: Context) -> None:
    limit(played, admin, daily_recipients=10, monthly_recipients=20)

    def ask(n: int) -> bool:
        try:
            played.send(recipient=number(n % 25))
        except GatewayError:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert 10 <= sum(answers) <= 20  # each of ten recipients once or twice, in any order
    assert played.row("SELECT count(DISTINCT recipient) FROM messages")[0] == 10
    assert left(played, admin)["recipients"] == 0


def test_what_fails_or_is_cancelled_is_given_back(played: PlayedGateway, admin: Context) -> None:
    limit(played, admin, daily_recipients=2, daily_parts=4)
    played.send(recipient=number(1))
    long = played.send(LONG, recipient=number(2))
    assert left(played, admin) == {"messages": None, "parts": 0, "recipients": 0}
    played.gateway.cancel(played.caller, long)
    assert left(played, admin) == {"messages": None, "parts": 3, "recipients": 1}
    played.settle(1, played.claim(1), refused(Kind.RECIPIENT, 1))
    assert left(played, admin) == {"messages": None, "parts": 4, "recipients": 2}


def test_of_a_message_that_failed_in_the_middle_the_unsent_parts_are_given_back(
    played: PlayedGateway, admin: Context
) -> None:
    limit(played, admin, daily_recipients=2, daily_parts=4, daily_limit=5)
    played.send(LONG)
    second = played.settle(1, played.claim(1), Submitted(1))
    assert isinstance(second, Submission)
    played.settle(1, second, refused(Kind.RECIPIENT, 1))
    assert left(played, admin) == {"messages": 4, "parts": 3, "recipients": 1}


def test_another_message_to_the_same_recipient_keeps_it_counted(
    played: PlayedGateway, admin: Context
) -> None:
    limit(played, admin, daily_recipients=2)
    first, second = played.send(), played.send()
    played.gateway.cancel(played.caller, first)
    assert left(played, admin)["recipients"] == 1
    played.gateway.cancel(played.caller, second)
    assert left(played, admin)["recipients"] == 2


def test_a_message_that_another_sim_takes_moves_its_reservation(
    played: PlayedGateway, admin: Context
) -> None:
    limit(played, admin, daily_parts=10, daily_recipients=5)
    played.send()
    played.up(2, B)
    limit(played, admin, B, daily_parts=10, daily_recipients=5, reset_hour=12)
    played.settle(1, played.claim(1), refused(Kind.SIM, 50))
    assert left(played, admin, A) == {"messages": None, "parts": 10, "recipients": 5}
    assert left(played, admin, B) == {"messages": None, "parts": 9, "recipients": 4}
    assert played.row("SELECT day FROM messages")[0] == "2026-11-29"  # the day of B began at noon yesterday


@pytest.mark.parametrize("limits", [{"daily_parts": 2}, {"daily_recipients": 0}, {"monthly_recipients": 0}])
def test_a_sim_takes_from_others_only_what_its_limits_admit(
    played: PlayedGateway, admin: Context, limits: dict[str, int]
) -> None:
    played.send(LONG)
    played.up(2, B)
    limit(played, admin, B, **limits)
    sims.set_(admin, played.sim(A), {"enabled": False})
    assert isinstance(played.next(2), Rest)
    limit(played, admin, B, **dict.fromkeys(limits, 3), reset_hour=12)
    played.claim(2)
    assert played.row("SELECT day FROM messages")[0] == "2026-11-29"  # the day of B began at noon yesterday
    counted = left(played, admin, B)
    assert (counted["parts"], counted["recipients"]) == ((0, None) if "daily_parts" in limits else (None, 2))


def test_a_sim_that_fails_hands_on_only_to_sims_whose_limits_admit_the_message(
    played: PlayedGateway, admin: Context
) -> None:
    played.send(LONG)
    played.up(2, B)
    limit(played, admin, B, daily_parts=2)
    played.settle(1, played.claim(1), refused(Kind.SIM, 50))
    assert played.row("SELECT sim_id FROM messages")[0] == played.sim(A)


def test_days_begin_at_the_hour_of_the_operator(played: PlayedGateway, admin: Context) -> None:
    limit(played, admin, daily_limit=1, daily_parts=1, daily_recipients=1, reset_hour=12)
    played.send()
    played.clock.at = TEN + 2 * HOUR - SECOND
    with pytest.raises(SimUnavailableError):
        played.send()
    played.clock.at = TEN + 2 * HOUR
    played.send(recipient=number(2))
    played.clock.at = TEN + 14 * HOUR  # after midnight
    with pytest.raises(SimUnavailableError):
        played.send(recipient=number(2))


def test_months_begin_at_the_hour_of_the_operator(played: PlayedGateway, admin: Context) -> None:
    limit(played, admin, monthly_parts=1, monthly_recipients=1, reset_hour=6)
    played.send()
    played.clock.at = TEN + 20 * HOUR - SECOND  # 1 December, before six
    with pytest.raises(SimUnavailableError):
        played.send()
    played.clock.at += SECOND
    played.send()


@pytest.mark.parametrize(("before", "after"), [(0, 12), (12, 0), (0, 10), (11, 9)])
def test_a_new_hour_in_the_middle_of_a_day_counts_every_message_in_its_new_day(
    played: PlayedGateway, admin: Context, before: int, after: int
) -> None:
    limit(played, admin, daily_limit=100, daily_parts=100, daily_recipients=100, reset_hour=before)
    for hour in range(-30, 1):
        played.clock.at = TEN + hour * HOUR
        played.send(LONG, recipient=number(hour + 100))
    for cancelled in played.gateway.messages(played.caller, MessageFilter())[0][:2]:
        played.gateway.cancel(played.caller, cancelled.sms_id)
    begins = after if after <= 10 else after - 24  # of today, seen from its midnight
    expected = sum(10 + hour >= begins for hour in range(-30, -1))
    told = limit(played, admin, reset_hour=after)["left"]
    assert told == {"messages": 100 - expected, "parts": 100 - 3 * expected, "recipients": 100 - expected}


def test_without_a_limit_in_recipients_none_is_kept(played: PlayedGateway, admin: Context) -> None:
    limit(played, admin, daily_limit=9, daily_parts=9)
    played.send()
    assert played.row("SELECT count(*) FROM sim_recipients")[0] == 0
    limit(played, admin, daily_recipients=9)
    assert played.row("SELECT count(*) FROM sim_recipients")[0] == 2  # of the day and of the month
    limit(played, admin, daily_recipients=None)
    assert played.row("SELECT count(*) FROM sim_recipients")[0] == 0
    assert played.row("SELECT count(*) FROM sim_recipient_counts")[0] == 0


def test_recipients_of_past_days_and_months_are_deleted_by_and_by(
    played: PlayedGateway, admin: Context
) -> None:
    limit(played, admin, daily_recipients=5000)
    drafts = [Draft(number(n), "x") for n in range(2500)]
    played.gateway.submit_bulk(played.caller, drafts, Options(), None)
    count = "SELECT count(*) FROM sim_recipients"

    def sweep(day: str) -> int:
        rounds = 0
        while played.store.write(lambda db: sim_recipients.forget_before(db, day)):
            rounds += 1
        return rounds

    assert sweep("2026-11-30") == 0
    assert sweep("2026-12-01") > 2
    assert played.row(count)[0] == 0
    assert played.row("SELECT count(*) FROM sim_recipient_counts")[0] == 0


def test_old_recipients_are_swept_at_a_start(played: PlayedGateway, admin: Context) -> None:
    limit(played, admin, daily_recipients=5)
    played.send()
    played.settle(1, played.claim(1), Submitted(1))  # else it would expire, and be given back
    played.clock.at += 2 * DAY
    played.restart()
    assert played.row("SELECT count(*) FROM sim_recipients WHERE length(period) = 10")[0] == 1
    played.clock.at += DAY
    played.restart()
    eventually(lambda: played.row("SELECT count(*) FROM sim_recipients")[0] == 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"daily_parts": -1},
        {"monthly_recipients": -1},
        {"reset_hour": 24},
        {"reset_hour": -1},
        {"registered_on": "1 May"},
    ],
)
def test_a_limit_that_is_none_is_refused(
    played: PlayedGateway, admin: Context, changes: dict[str, Any]
) -> None:
    with pytest.raises(AdminError):
        limit(played, admin, **changes)


def test_the_holder_of_a_sim_is_kept_and_cleared(played: PlayedGateway, admin: Context) -> None:
    told = limit(played, admin, holder=" Sahel Négoce SARL ", registered_on="2026-11-02")
    assert (told["holder"], told["registered_on"]) == ("Sahel Négoce SARL", "2026-11-02")
    told = limit(played, admin, holder="", registered_on="")
    assert (told["holder"], told["registered_on"]) == (None, None)


def test_an_upgrade_counts_the_parts_of_the_newest_messages(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    migrations.apply(Database(db), stop_before="m025_sim_limits")
    row = (
        "INSERT INTO messages (id, sms_id, task_id, company_id, recipient, text, status, priority, pinned, sim_id, parts,"
        " unsent, undelivered, cost, taken_day, day, created_at) VALUES (?, ?, 1, 1, 'x', 'x', ?, 1, 0, 1, ?, ?, 0, 0,"
        " ?, ?, 0)"
    )
    for number, (status, parts, unsent, day) in enumerate(
        [
            ("pending", 3, 3, "2026-11-30"),
            ("failed", 2, 2, "2026-11-30"),  # given back
            ("delivered", 2, 0, "2026-11-30"),
            ("sent", 1, 0, "2026-11-29"),
        ]
    ):
        db.execute(row, (number + 1, str(number), status, parts, unsent, day, day))
    for day, taken in (("2026-11-28", 7), ("2026-11-29", 1), ("2026-11-30", 2)):
        db.execute("INSERT INTO sim_usage (sim_id, day, taken) VALUES (1, ?, ?)", (day, taken))
    migrations.apply(Database(db))
    counted = db.execute("SELECT day, taken_parts FROM sim_usage ORDER BY day").fetchall()
    assert counted == [("2026-11-28", 7), ("2026-11-29", 1), ("2026-11-30", 5)]
    db.close()
