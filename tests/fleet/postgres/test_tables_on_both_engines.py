"""Each function of the tables that boxes share does the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from gatewayd.records import Audience, Caller, EventType, InboxFilter, Priority
from gatewayd.store.engine.connection import connect_writer, keep_log
from gatewayd.store.migrations import migrate
from gatewayd.store.tables import (
    accounts,
    balances,
    campaigns,
    conversations,
    deliveries,
    engines,
    event_eras,
    event_marks,
    events,
    former_numbers,
    hourly_counts,
    idempotency,
    inbound,
    message_search,
    messages,
    opt_outs,
    parts,
    queue_metrics,
    retention,
    sandbox,
    scheduled,
    sim_recipients,
    sim_usage,
    sims,
    webhooks,
)
from gatewayd.store.tables.campaigns import Campaign
from gatewayd.store.tables.deliveries import Delivery, PastAttempt
from gatewayd.store.tables.event_counts import install_event_counts
from gatewayd.store.tables.inbound import Nature, NewestFilter
from gatewayd.store.tables.message_search import Filter
from gatewayd.store.tables.queue_counts import install_queue_counts
from gatewayd.store.tables.sandbox import DueStep
from gatewayd.store.tables.sim_usage import Counted
from gatewayd.store.tables.webhooks import NewWebhook, Progress
from tests.fleet.databases import Database
from tests.fleet.postgres.both import Both
from tests.fleet.postgres.connections import box_connection

pytestmark = pytest.mark.postgres

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND  # 2027-01-15
DAY, MONTH = "2027-01-15", "2027-01"
MALI, OTHER = "+22370123456", "+22366000001"

MODULES: tuple[ModuleType, ...] = (
    accounts, balances, campaigns, conversations, deliveries, event_eras, event_marks, events, former_numbers, hourly_counts,
    idempotency, inbound, message_search, messages, opt_outs, parts, queue_metrics, retention, sandbox, scheduled,
    sim_recipients, sim_usage, sims, webhooks,
)  # fmt: skip

# Functions for what each box keeps for itself.
LOCAL = {
    "balances.learned", "balances.learn", "balances.unlearn", "balances.keep_answer", "balances.answers",
    "idempotency.install_in_flight", "idempotency.in_flight",
    "inbound.first_time", "inbound.forget_seen", "inbound.forget_seen_but", "inbound.begin_assembly", "inbound.assemblies_of",
    "inbound.overdue_assemblies", "inbound.assembled", "inbound.drop_assembly", "inbound.drop_assembled_but",
    "inbound.keep_part", "inbound.parts_of",
    "messages.next_own_ids", "parts.rebuild_queue",
    "sims.number_from", "sims.pin_state", "sims.set_pin_state",
}  # fmt: skip


@pytest.fixture
def both(fleet_database: Database, tmp_path: Path) -> Iterator[Both]:
    with closing(connect_writer(tmp_path / "gatewayd.db")) as sqlite:
        keep_log(sqlite)
        migrate(sqlite)
        install_queue_counts(sqlite)
        idempotency.install_in_flight(sqlite, [])
        install_event_counts(sqlite)
        with box_connection(fleet_database, tmp_path) as postgres:
            both = Both(sqlite, postgres)
            both.run("DELETE FROM event_eras")
            both.run("INSERT INTO event_eras (first_id, token, restored) VALUES (1, 'abcd', 1)")
            yield both
            both.compare_tables()


def test_every_function_of_the_shared_tables_is_called_here() -> None:
    called = {
        f"{node.args[0].value.id}.{node.args[0].attr}"
        for node in ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "both"
        if isinstance(node.args[0], ast.Attribute) and isinstance(node.args[0].value, ast.Name)
    }
    wanted = {
        f"{module.__name__.rsplit('.', 1)[1]}.{name}"
        for module in MODULES
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        if function.__module__ == module.__name__
        if not name.startswith("_")
        if "db" in inspect.signature(function).parameters
    }
    assert wanted - called - LOCAL == set()
    assert called & LOCAL == set()


def company(both: Both, name: str = "Une société", quota: int | None = 100) -> int:
    """A company; its id."""
    made: int = both(accounts.add_company, name, quota, NOW)
    return made


def sim(both: Both, iccid: str = "8922301", number: str = "+22370000001", port: int = 1) -> int:
    """A SIM; its id."""
    made: int = both(sims.seen, iccid, f"imsi{iccid}", number, "Orange", port, 1, NOW)
    return made


def message(
    both: Both,
    number: int,
    company_id: int,
    sim_id: int,
    *,
    recipient: str = MALI,
    text: str = "Bonjour à tous",
    priority: Priority = Priority.NORMAL,
    pinned: bool = False,
    campaign_id: int | None = None,
    part_count: int = 1,
    cost: float = 0.1,
    day: str = DAY,
    created_at: int | None = None,
    expires_at: int | None = None,
    reference: str | None = None,
    send_at: int | None = None,
    transactional: bool = False,
    is_sandbox: bool = False,
) -> None:
    """A message with this id, and its parts unless it is scheduled or of the sandbox."""
    created = NOW + number * SECOND if created_at is None else created_at
    row = (
        number, f"sms-{number}", 100 + number, company_id, recipient, text, priority, pinned, sim_id, campaign_id, part_count,
        part_count, part_count, cost, DAY, day, created, expires_at, reference, send_at, transactional, is_sandbox, False,
    )  # fmt: skip
    both(messages.insert, [row])
    if day and not is_sandbox:
        rows = [(number, seq, sim_id, pinned, priority) for seq in range(1, part_count + 1)]
        both(messages.insert_parts, rows)


def test_accounts(both: Both) -> None:
    one = company(both)
    two = company(both, "B", None)
    assert both(accounts.company_exists, one) is True
    assert both(accounts.company_exists, 77) is False
    assert both(accounts.monthly_quota, one) == 100
    assert both(accounts.monthly_quota, two) is None
    assert both(accounts.update, "companies", two, {"sending_window": "08:00-20:00", "active": False}) is True
    assert both(accounts.update, "companies", 77, {"quota": 3}) is False
    assert both(accounts.sending_windows) == {two: "08:00-20:00"}
    both(accounts.use, one, MONTH, 3)
    both(accounts.use, one, MONTH, -1)
    assert both(accounts.used, one, MONTH) == 2
    assert both(accounts.used, one, "2027-02") == 0
    assert both(accounts.terms, one, MONTH) == accounts.Terms(100, 2, False)
    assert both(accounts.terms, two, MONTH) == accounts.Terms(None, 0, False)
    assert len(both(accounts.companies, MONTH)) == 2
    both(accounts.add_key, one, "abcd", b"\0digest", "a service", True, None, NOW)
    key = both(accounts.add_key, two, "efgh", b"other", "", False, NOW, NOW, "webhooks,transactional", True)
    assert both(accounts.find_key, b"\0digest").admin is True
    assert both(accounts.find_key, b"other").company_active is False
    assert both(accounts.find_key, b"third") is None
    both(accounts.update, "api_keys", key, {"active": 0, "expires_at": None})
    both(accounts.update, "companies", one, {"opt_outs": "all"})
    assert both(accounts.blocks_all, one) is True
    assert both(accounts.blocks_all, two) is False
    assert both(accounts.terms, one, MONTH) == accounts.Terms(100, 2, True)
    assert both(accounts.terms, two, MONTH) == accounts.Terms(None, 0, False)
    assert both(accounts.terms, 77, MONTH) == accounts.Terms(None, 0, False)
    assert len(both(accounts.keys)) == 2


def test_sims(both: Both) -> None:
    one = company(both)
    a, b, c = sim(both), sim(both, "8922302", "", 2), sim(both, "8922303", "+22370000003", 3)
    both(
        sims.seen, "8922301", "", "+22370000009", "", 4, 2, NOW + 1
    )  # another number: the first one is remembered
    assert both(sims.number_of, a) == "+22370000009"
    both(sims.seen, "imsi:77", "77", "", "", 5, 1, NOW)
    assert (
        both(sims.seen, "8922304", "77", "+22370000004", "Malitel", 5, 1, NOW) == 4
    )  # the same card, now with its ICCID
    assert both(sims.number_of, 99) == ""
    assert both(sims.company_of, a) is None
    both(sims.give_to, a, one)
    assert both(sims.company_of, a) == one
    both(sims.make_default, a)
    both(sims.make_default, b)
    both(sims.make_default, c)
    both(sims.give_to, c, one)  # that company has a default already
    both(sims.give_to, c, None)
    both(sims.give_to, b, None)
    both(sims.note_change, b, "+22399999999", NOW + 5)
    both(former_numbers.remember, b, "+22399999998", NOW + 6)
    both(
        accounts.update,
        "sims",
        b,
        {"enabled": False, "number": "+22311", "cost": 0.25, "daily_recipients": 2},
    )
    both(sims.set_balance, b, 12.5, NOW)
    both(sims.set_suspected, b, NOW)
    assert both(sims.suspected) == [b]
    both(balances.set_bundle, a, 30, NOW + 9, NOW)
    both(balances.set_bundle, a, None, None, NOW + 1)
    both(balances.set_unreadable, a, NOW + 2)
    both(balances.set_unreadable, a, NOW + 3)
    both(balances.set_unreadable, b, NOW + 3)
    assert both(balances.unreadable) == [a, b]
    both(balances.begin_renewal, a, NOW + 4)
    both(balances.begin_renewal, c, NOW + 4)
    both(sim_usage.count_ended, a, DAY, sent=3, failed=1)
    both(sim_usage.count_ended, a, DAY, sent=1)
    assert len(both(sims.shown, DAY)) == 4
    assert both(sims.shown_one, a, DAY).today_sent == 4
    assert both(sims.shown_one, 99, DAY) is None
    assert both(sims.id_of, "8922302") == b
    assert both(sims.id_of, "1") is None
    assert both(sims.iccid_of, b) == "8922302"
    assert both(sims.iccid_of, 99) == ""
    assert both(sims.at_work, b).enabled == 0
    assert both(sims.at_work, 99) is None
    assert [each.id for each in both(sims.enabled)] == [a, c, 4]
    assert both(sims.disabled) == {b}
    assert len(both(sims.places)) == 4
    assert both(sims.exists, a) is True
    assert both(sims.exists, 99) is False


def test_limits(both: Both) -> None:
    one, a = company(both), sim(both)
    for number in range(1, 6):
        message(both, number, one, a, recipient=MALI if number % 2 else OTHER, part_count=2)
    both(messages.failed, 2, "expired", NOW)
    both(messages.part_taken, 3, NOW)
    both(sim_usage.take, a, DAY, 5, 10)
    both(sim_usage.take, a, DAY, -1, -2)
    both(sim_usage.take, a, "2027-01-16", 1, 1)
    assert both(sim_usage.on_day, a, DAY).messages == 4
    assert both(sim_usage.on_day, a, "2027-03-01").messages == 0
    assert both(sim_usage.in_month, a, MONTH).parts == 9
    assert both(sim_usage.in_month, a, "2027-02").parts == 0
    both(sim_usage.count_ended, a, DAY, sent=2)
    assert both(sim_usage.month_sent, a, MONTH) == 2
    assert both(sim_usage.month_sent, a, "2026-01") == 0
    counted = both(sim_usage.counted_since, a, NOW + 2 * SECOND)
    assert counted[0] == Counted(2, NOW + 2 * SECOND, DAY, 0, 0)
    both(sim_usage.move_to_day, a, counted[-1], "2027-01-16")
    assert both(sim_recipients.limited, a) is False
    both(accounts.update, "sims", a, {"monthly_recipients": 10})
    assert both(sim_recipients.limited, a) is True
    assert both(sim_recipients.limited, 99) is False
    both(sim_recipients.add, a, DAY, {MALI: 2, OTHER: 1})
    both(sim_recipients.add, a, DAY, {MALI: 1})
    assert both(sim_recipients.count, a, DAY) == 2
    assert both(sim_recipients.count, a, "2020-01-01") == 0
    assert both(sim_recipients.is_known, a, MONTH, MALI) is True
    assert both(sim_recipients.is_known, a, MONTH, "+1") is False
    both(sim_recipients.remove, a, DAY, OTHER)
    both(sim_recipients.remove, a, DAY, "+1")
    assert both(sim_recipients.count, a, DAY) == 1
    both(sim_recipients.refill, a, DAY, NOW + 10 * SECOND)
    assert both(sim_recipients.count, a, DAY) == 2
    assert both(sim_recipients.forget_before, "2027-02-01") is True
    assert both(sim_recipients.forget_before, "2027-02-01") is True
    assert both(sim_recipients.forget_before, "2027-02-01") is False
    both(sim_recipients.add, a, DAY, {MALI: 2})
    both(sim_recipients.forget, a)


def test_messages(both: Both) -> None:
    one, two, a, b = company(both), company(both, "B"), sim(both), sim(both, "8922302", "+22370000002", 2)
    assert both(messages.next_ids) == (1, 0)
    assert both(messages.id_range) == (1, 1)
    assert both(messages.newest) is None
    message(both, 1, one, a, part_count=2, reference="r1", expires_at=NOW + 60 * SECOND)
    message(both, 2, one, a, campaign_id=7, pinned=True, priority=Priority.OTP)
    message(both, 3, one, b, recipient=OTHER, campaign_id=7, expires_at=NOW + 90 * SECOND, transactional=True)
    message(both, 4, two, 0, day="", send_at=NOW + 500 * SECOND, text="Größe %_\\ 'x'")
    message(both, 5, two, 0, day="", send_at=NOW + 400 * SECOND, pinned=True)
    message(both, 6, one, 0, is_sandbox=True)
    message(both, 7, 0, a)  # the gateway's own
    assert both(messages.next_ids) == (8, 107)
    assert both(messages.id_range) == (1, 8)
    assert both(messages.newest) == NOW + 7 * SECOND
    assert both(messages.shown, "SMS-1").id == 1
    assert both(messages.shown, "none") is None
    assert list(both(messages.shown_by_ids, [3, 1, 99])) == [1, 3]
    assert both(messages.shown_by_ids, []) == {}
    assert both(messages.by_sms_id, "sms-2").pinned == 1
    assert both(messages.by_sms_id, "none") is None
    assert both(messages.by_id, 4).text == "Größe %_\\ 'x'"
    assert both(messages.find, 5).begins_at == NOW + 400 * SECOND
    assert both(messages.find, 99) is None
    assert both(messages.of_sandbox, [7, 6, 1, 99]) == [6]
    assert both(messages.of_sandbox, []) == []
    assert both(scheduled.count) == 2

    everything = {
        "company_id": None, "status": None, "campaign_id": None, "recipient": None, "since": None, "until": None,
        "before_id": None, "limit": 50,
    }  # fmt: skip
    for wanted in (
        {}, {"limit": 2}, {"company_id": one}, {"company_id": one, "limit": 2}, {"company_id": one, "before_id": 3},
        {"status": "pending"}, {"campaign_id": 7}, {"company_id": one, "recipient": OTHER}, {"before_id": 4},
        {"since": NOW + 2 * SECOND, "until": NOW + 5 * SECOND}, {"reference": "r1"}, {"sim_id": b}, {"priority": 0},
        {"company_id": one, "since": NOW + 2 * SECOND, "until": NOW + 5 * SECOND, "sandbox": False}, {"sandbox": True},
        {"company_id": 77}, {"before_id": 0, "company_id": one},
    ):  # fmt: skip
        both(messages.page, **{**everything, **wanted})
    assert both(messages.place, None) is not None
    assert both(messages.place, 3) == (NOW + 3 * SECOND, 3)
    assert both(messages.place, 0) is None
    assert both(messages.newest_before, NOW + 4 * SECOND) == 3
    assert both(messages.newest_before, 0) == 0

    assert both(messages.next_expiry, NOW) == NOW + 60 * SECOND
    assert both(messages.next_expiry, NOW + 100 * SECOND) is None
    assert [each.id for each in both(messages.due, NOW + 100 * SECOND, (0, 0), 5)] == [1, 3]
    assert [each.id for each in both(messages.due, NOW + 100 * SECOND, (NOW + 60 * SECOND, 1), 5)] == [3]
    both(messages.waits_because, 1, "no SIM")
    both(messages.waits_because, 2, None)
    assert both(messages.part_taken, 1, NOW + SECOND).left == 1
    assert both(messages.part_taken, 1, NOW + 2 * SECOND).status == "sent"
    assert both(messages.part_delivered, 1, NOW + 3 * SECOND).left == 1
    assert both(messages.part_delivered, 1, NOW + 4 * SECOND).status == "delivered"
    both(messages.part_taken, 2, NOW)
    assert both(messages.failed, 2, "undeliverable", NOW + 5).status == "failed"
    assert both(messages.failed, 1, "x", NOW) is None
    both(messages.rebind, 3, a, "2027-01-16", 0.3)
    both(messages.cancelled, 3)
    both(messages.cancelled, 1)
    both(messages.restamp, NOW + 4 * SECOND, 1000 * SECOND)
    both(messages.insert_parts, [(4, 1, a, 0, 1)], 9)

    assert [each.id for each in both(scheduled.due, NOW + 900 * SECOND, (0, 0), 5)] == [5, 4]
    assert [each.sim_id for each in both(scheduled.due, NOW + 900 * SECOND, (NOW + 400 * SECOND, 5), 5)] == [
        None
    ]
    assert both(scheduled.next_after, NOW) == NOW + 400 * SECOND
    assert both(scheduled.next_after, NOW + 900 * SECOND) is None
    assert both(scheduled.first_due, NOW + 900 * SECOND) == NOW + 400 * SECOND
    assert both(scheduled.first_due, NOW) is None


def test_searches(both: Both) -> None:
    one, two, a = company(both), company(both, "B"), sim(both)
    for number in range(1, 21):
        message(
            both, number, one if number % 3 else two, a, recipient=MALI if number % 2 else OTHER,
            text=f"Texte {number} À 100 % {'SOLDE' if number % 5 == 0 else ''}", campaign_id=4 if number % 4 == 0 else None,
            reference=f"r{number % 6}",
        )  # fmt: skip
    for wanted in (
        Filter(), Filter(company_id=one), Filter(recipient=MALI), Filter(recipient_end="0001"), Filter(reference="r3"),
        Filter(campaign_id=4, company_id=one), Filter(campaign_id=4), Filter(status="pending", sim_id=a),
        Filter(since=NOW + 5 * SECOND, until=NOW + 9 * SECOND), Filter(text="solde"), Filter(text="100 %"), Filter(text="à"),
        Filter(company_id=two, since=NOW + 5 * SECOND, until=NOW + 12 * SECOND, text="_"), Filter(company_id=77),
    ):  # fmt: skip
        for before, limit in ((None, 3), (9, 50), (0, 5)):
            both(message_search.search, wanted, before, limit)


def test_campaigns(both: Both) -> None:
    one, two, a = company(both), company(both, "B"), sim(both)
    for number in range(1, 13):
        message(
            both, number, one if number % 2 else two, a, campaign_id=number % 3 or None, cost=0.1 * number,
            send_at=NOW + 3600 * SECOND if number == 1 else None, part_count=number,
        )  # fmt: skip
    message(both, 13, one, 0, campaign_id=1, is_sandbox=True)
    both(messages.part_taken, 1, NOW)
    both(messages.cancelled, 7)
    both(messages.failed, 2, "x", NOW)
    both(messages.rebind, 5, a, DAY, 9.5)
    real, sandboxed, none = (
        Campaign(one, 1, sandbox=False),
        Campaign(one, 1, sandbox=True),
        Campaign(one, 9, sandbox=False),
    )
    for each in (real, sandboxed, none):
        both(campaigns.exists, each)
        both(campaigns.span, each)
        both(campaigns.pending, each, 0, None)
        both(campaigns.pending, each, 1, 9)
    assert both(campaigns.window_end, real, 0, 2) == 7
    assert both(campaigns.window_end, real, 0) is None
    assert both(campaigns.only_company, 9) is None
    assert both(campaigns.only_company, 1) is None
    plain, on_sqlite = (
        [
            (each.company_id, each.campaign_id, each.pending, round(each.cost, 9))
            for each in campaigns.page(db, None, None, 9)
        ]
        for db in (both.postgres, both.sqlite)
    )
    assert plain == on_sqlite
    assert len(plain) == 4
    both(retention.drop, "messages", [1, 7, 13])
    assert both(campaigns.counts, real) is None
    assert both(campaigns.page, 77, None, 3) == []
    assert both(campaigns.exists, none) is False


def test_parts(both: Both) -> None:
    one, a, b = company(both), sim(both), sim(both, "8922302", "+22370000002", 2)
    for number in range(1, 13):
        message(both, number, one, a if number < 10 else b, part_count=2)
    assert both(parts.waits, 1, 1) is True
    assert both(parts.claim, 1, 1, a, NOW, 1).token == 1
    assert both(parts.claim, 1, 1, a, NOW, 1) is None
    assert both(parts.waits, 1, 1) is False
    assert [each.seq for each in both(parts.submitting, a)] == [1]
    assert both(parts.one, 1, 1).recipient == MALI
    assert both(parts.find, 1, 99) is None
    assert both(parts.submitted, 1, 1, 1, 17, NOW + SECOND) is True
    assert both(parts.submitted, 1, 1, 1, 17, NOW + SECOND) is False
    assert both(parts.awaited_reports) == 1
    both(parts.claim, 2, 1, a, NOW, 1)
    both(parts.in_doubt, 2, 1, 1, NOW + SECOND)
    both(
        parts.note_attempt,
        2,
        1,
        1,
        outcome="in_doubt",
        reason="no answer",
        reason_fr="pas de réponse",
        now=NOW,
    )
    both(parts.note_attempt, 2, 1, 1, outcome="in_doubt", reason="again", reason_fr="", now=NOW)
    assert both(parts.has_open, 2) is True
    assert both(parts.has_open, 1) is False
    assert both(parts.resume) == [(2, 1, 1)]
    assert both(parts.undecided, NOW + 9) == 1
    assert both(parts.newest_start) == NOW
    both(parts.restamp, NOW, 5 * SECOND)
    both(parts.settle_doubt, 2, 1, 1, "queued")
    assert [each.message_id for each in both(parts.queued_after_doubt, a, NOW)] == [2]
    assert both(parts.take_out_of_doubt, 2, 1, 1, queued=False) is False
    assert both(parts.take_out_of_doubt, 2, 1, 1, queued=True) is True
    both(parts.in_doubt, 2, 1, 1, NOW + SECOND)
    assert both(parts.take_out_of_doubt, 2, 1, 1, queued=False) is True
    both(parts.refused, 2, 1, 1, again=True, deferred=True, now=NOW + 2 * SECOND)
    both(parts.note_attempt, 2, 1, 1, outcome="refused", cause="CMS 42", reason="a", reason_fr="b", now=NOW)
    assert both(parts.refused_by, 2) == {a}
    assert both(parts.release, 2, 1, 1) == a
    assert both(parts.release, 2, 1, 1) is None
    both(parts.claim, 2, 1, b, NOW, 2)
    assert both(parts.never_begun, 2, 1, 2, NOW) is True
    assert both(parts.last_attempt, 2, 1, 9).outcome == "refused"
    assert both(parts.last_attempt, 3, 1, 9) is None
    both(parts.claim, 3, 1, a, NOW, 1)
    both(parts.refused, 3, 1, 1, again=True, deferred=True, now=NOW)
    assert both(queue_metrics.of_sim, a).deferred == 1
    assert both(parts.release_deferred) is False
    both(parts.claim, 4, 1, a, NOW, 1)
    both(parts.refused, 4, 1, 1, again=False, deferred=False, now=NOW)
    both(parts.drop_queued, 4, "cancelled")
    assert both(parts.ever_claimed, 4) is True
    assert both(parts.ever_claimed, 9) is False
    assert both(parts.others_begun, 4, 1) is True
    assert both(parts.others_begun, 9, 1) is False
    assert both(parts.carried_by_another, 4, a) is False
    assert both(parts.carried_by_another, 4, b) is True
    both(parts.claim, 5, 1, a, NOW, 1)
    both(parts.submitted, 5, 1, 1, None, NOW + 2 * SECOND)
    both(parts.claim, 6, 1, a, NOW, 1)
    assert len(both(parts.without_reference, a, NOW, NOW + 9 * SECOND)) == 2
    assert both(parts.awaits_report, a, NOW, NOW + 9 * SECOND) is True
    assert both(parts.awaits_report, b, NOW, NOW + 9 * SECOND) is False
    both(parts.identified, 5, 1, 17)
    assert [each.message_id for each in both(parts.awaiting_report, a, 17)] == [5, 1]
    both(parts.stamped, 1, 1, NOW + 3)
    assert both(parts.delivered, 1, 1, NOW + 3) is True
    assert both(parts.delivered, 1, 1, None) is False
    assert [each.message_id for each in both(parts.of_report, a, 17, NOW + 3)] == [5, 1]
    both(parts.of_report, a, 17, None)
    assert both(parts.undeliverable, 5, 1, None) is True
    assert both(parts.doubt_submitting, "a stop", "un arrêt") == [6]
    both(parts.settle_doubt, 6, 1, 1, "queued")
    assert both(parts.taken_after_all, 6, 1, 1, 200) is True
    for number in (1, 2, 6, 99):
        both(parts.of_message, number)
        both(parts.noted_attempts, number)
    both(
        sims.seen, "8922301", "", "+22370009999", "", 1, 1, NOW + 100 * SECOND
    )  # history shows the number of that time
    both(parts.of_message, 1)
    for held in ((), (one,)):
        both(queue_metrics.of_sim, b, held)
        both(queue_metrics.oldest_at, [a, b], held)
    both(queue_metrics.oldest_by_company, [a, b])


def test_texts(both: Both) -> None:
    one, two, a, b = company(both), company(both, "B"), sim(both), sim(both, "8922302", "+22370000002", 2)
    both(sims.give_to, a, one)
    for number in range(8):
        both(
            inbound.keep_text, a if number % 2 else b, MALI if number % 3 else OTHER, f"Bonjour ÀÉ {number} STOP_%\\",
            nature=Nature("text", "gsm7"), sent_at=None if number == 1 else NOW, now=NOW + number * SECOND,
            incomplete=number == 2,
        )  # fmt: skip
    both(inbound.keep_sandbox_text, two, "Banque", "code", nature=Nature("data", "8bit", 5), now=NOW)
    both(inbound.amend_text, 3, "entier", sent_at=NOW, incomplete=False)
    both(inbound.mark_read, 2, read=True)
    both(inbound.mark_read, 2, read=True)
    both(inbound.mark_read, 4, read=False)
    readers = (
        Caller(1, one, admin=False),
        Caller(1, one, admin=True),
        Caller(2, two, admin=True, sandbox=True),
    )
    for reader in readers:
        for wanted in (
            InboxFilter(), InboxFilter(sender=MALI), InboxFilter(since=NOW + SECOND, until=NOW + 5 * SECOND),
            InboxFilter(unread=True), InboxFilter(unread=False), InboxFilter(sim_id=a), InboxFilter(cursor=4),
        ):  # fmt: skip
            both(inbound.page, reader, wanted, 3)
        both(inbound.text_of, reader, 1)
        both(inbound.text_of, reader, 2)
        both(inbound.text_of, reader, 99)
    assert list(both(inbound.shown_by_ids, [2, 1, 99])) == [1, 2]
    assert both(inbound.plain_text, 2).sender == MALI
    assert both(inbound.plain_text, 9) is None
    for newest in (
        NewestFilter(), NewestFilter(sender=MALI), NewestFilter(sim_id=b), NewestFilter(company_id=one),
        NewestFilter(since=NOW, until=NOW + 3 * SECOND), NewestFilter(contains="bonJOUR"), NewestFilter(contains="é"),
    ):  # fmt: skip
        both(inbound.newest, newest, 5)
    both(inbound.keep_unreadable, a, "07911326", "no TP-DCS", NOW)
    assert len(both(inbound.newest_unreadable, 5)) == 1
    both(inbound.keep_report, a, 17, MALI, None, 0, NOW)
    both(inbound.keep_report, b, 18, MALI, NOW, 0, NOW)
    assert both(inbound.sims_with_early_reports) == [a, b]
    assert len(both(inbound.take_early_reports, a)) == 1
    message(both, 1, one, b)
    assert len(both(inbound.take_early_reports_of, 1, 1)) == 1
    assert both(inbound.take_early_reports_of, 1, 1) == []

    message(both, 2, one, a, created_at=NOW + 100 * SECOND)
    message(both, 3, two, a, recipient=OTHER, created_at=NOW + 101 * SECOND)
    for company_id in (None, one, two):
        both(conversations.correspondents, company_id, None, 5)
        both(conversations.correspondents, company_id, 4, 1)
        for words in ("stop_%\\", "É", "22370"):
            both(conversations.search, company_id, words, None, 5)
        both(conversations.texts, company_id, MALI, None, 3)
        both(conversations.texts, company_id, MALI, 4, 3)
        both(conversations.messages_to, company_id, MALI, None, 3)
        both(conversations.messages_to, company_id, MALI, 2, 3)
        both(conversations.unread, company_id, MALI)
        both(conversations.newest_text, company_id, MALI)
        both(conversations.newest_text, company_id, "none")
    assert both(conversations.mark_some_read, one, MALI, 6) is False
    assert both(conversations.unread, None, MALI) > 0


def test_opt_outs(both: Both) -> None:
    one, two, a = company(both), company(both, "B"), sim(both)
    assert both(opt_outs.add, one, MALI, NOW, source="text", text="STOP", inbox_id=4) is True
    assert both(opt_outs.add, two, OTHER, NOW, source="api", reason="by telephone") is True
    assert both(opt_outs.add, one, OTHER, NOW, source="cli", sandbox=True) is True
    assert both(opt_outs.add, one, MALI, NOW + 1, source="api") is False
    assert both(opt_outs.is_opted_out, one, MALI) is True
    assert both(opt_outs.is_opted_out, two, MALI) is False
    assert both(opt_outs.among, Caller(1, one, admin=False), [MALI, OTHER]) == {MALI}
    assert both(opt_outs.among, Caller(1, one, admin=False, sandbox=True), [MALI, OTHER]) == {OTHER}
    assert both(opt_outs.current, one, MALI).text == "STOP"
    assert both(opt_outs.current, one, OTHER) is None
    assert both(opt_outs.end, two, OTHER, NOW + 2, source="text", text="START") is True
    assert both(opt_outs.end, two, OTHER, NOW + 2, source="text") is False
    assert both(opt_outs.confirmed_since, one, MALI, NOW) is False
    both(opt_outs.confirmed, one, MALI, NOW + 3)
    assert both(opt_outs.confirmed_since, one, MALI, NOW) is True
    for before in (None, 2):
        both(opt_outs.page, Caller(1, one, admin=False), before, 5)
        for in_force in (None, True, False):
            for company_id in (None, one):
                both(opt_outs.search, company_id, "223", before, 5, in_force=in_force)
    for company_id in (None, two):
        both(opt_outs.every, company_id, 0, 5)
    both(opt_outs.every, None, 1, 5)
    assert both(opt_outs.last_sender, a, MALI, NOW) is None
    message(both, 1, one, a)
    both(messages.part_taken, 1, NOW + 5)
    assert both(opt_outs.last_sender, a, MALI, NOW) == one
    assert both(opt_outs.last_sender, a, MALI, NOW + 6) is None


def test_idempotency_keys(both: Both) -> None:
    lately = (NOW - SECOND, NOW + SECOND)
    both(idempotency.keep, 1, "key", b"\1\2", sms_ids=["a", None], single=False, now=NOW)
    found = both(lambda db: _without_flight(idempotency.find(db, 1, "key", lately)))
    assert found == (b"\1\2", ["a", None], False, None, None)
    both(idempotency.answered, 1, "key", 200, '{"é": 1}')
    both(idempotency.answered, 1, "key", 409, "later")
    assert both(idempotency.find, 1, "key", lately).body == '{"é": 1}'
    assert both(idempotency.find, 1, "key", (NOW + 1, NOW + 2)) is None
    both(idempotency.keep, 1, "key", b"\3", sms_ids=["b"], single=True, now=NOW + 1)  # in place of an old one
    both(idempotency.landed, 1, "key")
    assert both(idempotency.find, 1, "key", lately).http_status is None
    assert both(idempotency.forget_but, lately) is False
    assert both(idempotency.forget_but, (0, 1)) is False
    assert both(idempotency.find, 1, "key", lately) is None


def _without_flight(used: idempotency.UsedKey | None) -> tuple[object, ...]:
    assert used is not None
    return used.fingerprint, used.sms_ids, used.single, used.http_status, used.body


def test_a_shared_key_is_being_answered_for_as_long_as_the_epoch_of_its_box_lasts(both: Both) -> None:
    both.postgres.execute(
        "INSERT INTO boxes (name, number, epoch, incarnation, submit_timeout_s, version, joined_at, seen_at)"
        " VALUES ('a', 1, 4, 'x', 60, '1', 0, 0)"
    )
    lately = (NOW, NOW)

    def keep(epoch: int) -> None:
        idempotency.keep(
            both.postgres,
            1,
            "key",
            b"",
            sms_ids=[],
            single=True,
            now=NOW,
            answering=idempotency.Answering("a", epoch),
        )

    def in_flight() -> bool:
        used = idempotency.find(both.postgres, 1, "key", lately)
        assert used is not None
        return used.in_flight

    keep(4)
    assert in_flight()
    both.postgres.execute("UPDATE boxes SET epoch = 5")
    assert not in_flight()
    keep(5)
    assert in_flight()
    idempotency.landed(both.postgres, 1, "key")
    assert not in_flight()
    both.postgres.execute("DELETE FROM idempotency")


def test_the_sandbox(both: Both) -> None:
    one = company(both)
    for number in (1, 2, 3):
        message(both, number, one, 0, is_sandbox=True)
    both(sandbox.plan, [(NOW + each, each, 1, "sent") for each in (1, 2, 3)] + [(NOW + 9, 1, 2, "delivered")])
    assert both(sandbox.next_due) == NOW + 1
    assert [each.message_id for each in both(sandbox.due, NOW + 2, 5)] == [1, 2]
    assert both(sandbox.done, DueStep(NOW + 1, 1, 1, "sent")) is True
    assert both(sandbox.done, DueStep(NOW + 1, 1, 1, "sent")) is False
    both(sandbox.restamp, NOW + 9, 100)
    assert both(sandbox.sent, 1, NOW) is True
    assert both(sandbox.sent, 1, NOW) is False
    assert both(sandbox.delivered, 1, NOW) is True
    assert both(sandbox.delivered, 2, NOW) is False
    assert both(sandbox.in_doubt, 3, "no answer") is True
    assert both(messages.shown, "sms-3").record.in_doubt is True


def test_events_and_their_webhooks(both: Both) -> None:
    one, two, a = company(both), company(both, "B"), sim(both)
    for number in range(1, 7):
        message(both, number, one if number % 2 else two, a)
    assert both(events.last_id) == 0
    assert both(events.oldest_id) == 1
    assert both(events.kept) == 0
    hook = both(
        webhooks.add,
        NewWebhook(
            one, None, False, False, False, "https://example.org/é", [EventType.MESSAGE_SENT], "", "s"
        ),
        NOW,
    )
    other = both(webhooks.add, NewWebhook(two, 5, True, False, True, "https://b", None, "b", "t"), NOW)
    both(messages.part_taken, 1, NOW)
    both(events.write_of_message, EventType.MESSAGE_SENT, 1, NOW)
    both(messages.part_delivered, 1, NOW)
    both(events.write_of_message, EventType.MESSAGE_DELIVERED, 1, NOW + 1)
    both(messages.failed, 2, "expired", NOW)
    both(events.write_of_message, EventType.MESSAGE_FAILED, 2, NOW + 2)
    both(events.write_of_message, EventType.MESSAGE_SENT, 99, NOW)
    text = both(inbound.keep_text, a, MALI, "salut", nature=Nature(), sent_at=NOW, now=NOW, incomplete=False)
    both(events.write_of_text, text, NOW + 3)
    both(events.write, EventType.PORT_DOWN, None, NOW + 4, data={"port": 1, "cause": "é"})
    both(events.write, EventType.QUOTA_THRESHOLD, one, NOW + 5, sandbox=True)
    both.run("UPDATE parts SET held = 1 WHERE message_id = 5")
    both(events.write_of_held)
    both.run("UPDATE events SET at = 5 WHERE type = 5")  # it stamps the present time itself
    assert both(events.last_id) == 7
    assert both(events.oldest_id) == 1
    assert both(events.kept) == 7
    for audience in (
        Audience(one), Audience(two), Audience(one, box=True), Audience(None, box=True), Audience(one, sandbox=True)
    ):  # fmt: skip
        both(events.after, audience, 0, 100, None, 50)
        both(events.after, audience, 1, 4, [EventType.MESSAGE_FAILED, EventType.PORT_DOWN], 1)
        both(events.after, audience, 0, 100, [], 5)
        both(deliveries.waiting, audience, None, 0, None, 5)
        both(deliveries.waiting, audience, [EventType.MESSAGE_SENT], 0, 4, 5)
        both(deliveries.waiting, audience, [], 0, 4, 5)
    for number in range(9):
        both(events.by_number, number)
    assert both(events.state_changed, "port 1", "down") is True
    assert both(events.state_changed, "port 1", "down") is False
    assert both(events.state_changed, "port 1", "up") is True
    assert both(events.told_state, "port 1") == "up"
    assert both(events.told_state, "port 2") is None

    assert len(both(webhooks.all_)) == 2
    assert both(webhooks.find, hook).url == "https://example.org/é"
    assert both(webhooks.find, 99) is None
    assert len(both(webhooks.of_company, one, sandbox=False)) == 1
    assert both(webhooks.count_of_company, two) == 1
    both(webhooks.set_columns, other, {"state": "paused", "paused_for": "gone", "types": None})
    assert both(webhooks.states) == {"ok": 1, "paused": 1}
    both(webhooks.set_progress, hook, Progress(3, 4, NOW, 5, NOW, None))
    both(webhooks.advance, [(5, hook), (2, hook), (1, other)])
    assert both(webhooks.of_key, 5)[0].id == other
    both(webhooks.touch, other)
    assert both(webhooks.kinds, 0, 1) == [webhooks.Kind(one, sandbox=False, type=EventType.MESSAGE_SENT)]

    for number in range(1, 6):
        state = ("pending", "failed", "delivered", "failed", "pending")[number - 1]
        attempt = PastAttempt(NOW, None if number == 1 else 500, 12, "é")
        both(deliveries.keep, hook, Delivery(number, state, number, NOW + number * SECOND, (attempt,)))
        both(deliveries.keep_body, hook, number, b"\0body")
        both(deliveries.keep_body, hook, number, b"another")
    both(deliveries.keep, hook, Delivery(1, "pending", 9, NOW + SECOND, ()))
    assert both(deliveries.body, hook, 1) == b"\0body"
    assert both(deliveries.body, hook, 99) is None
    both(deliveries.drop_body, hook, 1)
    assert len(both(deliveries.due, hook, NOW + 2 * SECOND, NOW + 4 * SECOND, 5)) == 2
    assert both(deliveries.next_due, hook) == NOW + SECOND
    assert both(deliveries.next_due, 99) is None
    assert both(deliveries.oldest_pending, hook).number == 1
    assert both(deliveries.oldest_pending, 99) is None
    for shown in (None, "pending", "failed", "delivered"):
        both(deliveries.page, hook, shown, None, 5)
        both(deliveries.page, hook, shown, 4, 1)
    assert both(deliveries.queue_failed, hook, (1, 2), (0, NOW + SECOND), NOW) == 1
    both(deliveries.queue_missed, hook, 3, NOW + 7)
    assert both(deliveries.queue_all, hook, Audience(one), None, (1, 100), (0, NOW + SECOND), NOW) > 0
    assert both(deliveries.queue_all, hook, Audience(one), [], (1, 100), (0, NOW + SECOND), NOW) == 0
    assert both(deliveries.owners) == [hook]
    both(deliveries.drop, hook, 2)
    both(deliveries.keep, hook, Delivery(3, "delivered", 1, None, ()))
    assert both(deliveries.drop_old, hook, 4, 10) == 1
    assert both(deliveries.drop_all, hook, 100) > 0
    assert both(webhooks.remove, hook) is True
    assert both(webhooks.remove, hook) is False

    both(event_eras.begin, restored=False)
    both(event_eras.begin, restored=False)
    both(event_eras.begin, restored=True)
    both.run("UPDATE event_eras SET token = 'efgh' WHERE token <> 'abcd'")
    both(event_eras.read)
    both(event_marks.mark, NOW, 60 * SECOND)
    both(event_marks.mark, NOW + SECOND, 60 * SECOND)
    assert both(event_marks.prune, NOW) is False
    both(event_marks.mark, NOW + 61 * SECOND, 60 * SECOND)
    assert both(event_marks.prune, NOW + 90 * SECOND) is False
    assert both(events.kept) == 1
    both(event_eras.drop_before, 3)
    both(event_eras.read)


def month_of(moment: int) -> str:
    """Months for counts: any function will do."""
    return f"month {moment // (3600 * SECOND)}"


def test_counts_by_hour_and_month(both: Both) -> None:
    one, two, a = company(both), company(both, "B"), sim(both)
    for number in range(1, 31):
        message(
            both, number, one if number % 3 else two, a, part_count=number % 4 + 1, cost=number * 0.3333337,
            created_at=NOW + number * 300 * SECOND, campaign_id=number % 2 or None,
        )  # fmt: skip
        at = NOW + number * 400 * SECOND
        if number % 5 == 0:
            both(messages.cancelled, number)
            both(events.write_of_message, EventType.MESSAGE_CANCELLED, number, at)
            continue
        for _ in range(number % 4 + 1):
            both(messages.part_taken, number, at)
        both(events.write_of_message, EventType.MESSAGE_SENT, number, at)
        if number % 7 == 0:
            both(messages.failed, number, "x", at)
            both(events.write_of_message, EventType.MESSAGE_FAILED, number, at)
    hour = NOW // hourly_counts.HOUR

    def look() -> None:
        for company_id in (None, one, two):
            both(hourly_counts.by_hour, hour, hour + 3, company_id)
            both(hourly_counts.by_sim, hour, hour + 300, company_id)
        for company_id in (one, two):
            for month in both(hourly_counts.months, company_id, month_of):
                both(hourly_counts.of_month, company_id, month, month_of)

    look()
    both.sqlite.execute("BEGIN")
    hourly_counts.add_new(both.sqlite, month_of)
    both.sqlite.execute("COMMIT")
    for _ in range(3):  # the newest message is counted once no other can come before it
        with both.postgres.transaction():
            hourly_counts.add_new(both.postgres, month_of)
    both(hourly_counts.add_new, month_of)
    assert both(hourly_counts.waiting) == 0
    look()
    both(messages.failed, 2, "partly", NOW)
    both(hourly_counts.count_parts, 2, 1, NOW, "m")
    both(hourly_counts.count_parts, 2, 2, NOW, "m")
    message(both, 31, one, a)
    both(events.write_of_message, EventType.MESSAGE_FAILED, 2, NOW + SECOND)
    for _ in range(3):
        with both.postgres.transaction():
            engines.settled_messages(both.postgres, 0)
    both(hourly_counts.add_all_shifted, month_of, NOW, 7200 * SECOND)
    look()
    both(hourly_counts.forget_before, hour + 1, month_of(NOW + 3600 * SECOND))
    look()


def test_retention(both: Both) -> None:
    one, a = company(both), sim(both)
    for number in range(1, 5):
        message(both, number, one, a, reference="r")
        both(
            inbound.keep_text, a, MALI, "x", nature=Nature(), sent_at=None, now=NOW + number, incomplete=False
        )
    both(inbound.keep_unreadable, a, "07", "x", NOW)
    both(inbound.keep_report, a, 17, MALI, None, 0, NOW)
    both(messages.cancelled, 1)
    both(parts.claim, 2, 1, a, NOW, 1)
    both(parts.note_attempt, 2, 1, 1, outcome="refused", cause="x", reason="x", reason_fr="x", now=NOW)
    both(messages.failed, 2, "x", NOW)
    for table in retention.TABLES:
        for before in (NOW, NOW + 100 * SECOND):
            both(retention.find, table, 0, before)
            both(retention.find, table, 2, before)
    for table in retention.TABLES:
        both(retention.drop, table, [1, 2])
        both(retention.drop, table, [])
    assert both(messages.next_ids) == (5, 104)
