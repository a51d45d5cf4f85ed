"""Companies and priorities share a SIM by turns, and none starves."""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from gatewayd.records import Caller, Draft, Options, Priority
from gatewayd.sending.company_turns import SendClass, Turns
from gatewayd.store.engine.connection import Connection
from gatewayd.store.migrations import migrations
from gatewayd.store.tables import accounts
from modem.errors import Kind
from modem.parts import Submission, Submitted
from modem.port.interface import Rest
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, PlayedGateway, refused
from tests.sqlite import sqlite

A, B = "8922300000000000001", "8922300000000000002"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    with sharing(tmp_path) as found:
        yield found


@contextmanager
def sharing(path: Path, companies: int = 3) -> Iterator[PlayedGateway]:
    """A gateway with one SIM and the companies 1, 2, …"""
    played = PlayedGateway(path, backoff_s=(0.02,))
    for number in range(1, companies):
        played.store.write(lambda db, number=number: accounts.add_company(db, f"{number}", None, 0))  # type: ignore[misc]
    played.up(1, A)
    yield played
    played.close()


def submit(
    played: PlayedGateway,
    company: int,
    count: int = 1,
    priority: Priority = Priority.NORMAL,
    text: str = "",
    sim: int | None = None,
) -> None:
    """Messages whose texts begin with the company and the priority."""
    drafts = [Draft(RECIPIENT, f"{company}{priority.name[0]}{text}") for _ in range(count)]
    options = Options(priority=priority, sim_id=sim)
    played.gateway.submit_bulk(Caller(0, company, admin=False), drafts, options, None)


def sends(played: PlayedGateway, count: int, port: int = 1) -> list[str]:
    """The beginnings of the next texts that a port sends, which all succeed; fewer where no more wait."""
    seen: list[str] = []
    step = played.next(port)
    while isinstance(step, Submission):
        seen.append(step.segment.text[:2] + (f" {step.seq}" if step.total > 1 else ""))
        if len(seen) == count:
            return seen
        step = played.settle(port, step, Submitted(len(seen) % 256))
    return seen


def test_companies_take_turns_of_one_message(played: PlayedGateway) -> None:
    submit(played, 1, 5)
    submit(played, 2, 2)
    submit(played, 3, 1)
    assert sends(played, 100) == ["1N", "2N", "3N", "1N", "2N", "1N", "1N", "1N"]


def test_a_campaign_delays_a_message_of_another_company_by_one_turn(played: PlayedGateway) -> None:
    submit(played, 1, 1000)
    in_the_air = played.claim(1)
    submit(played, 2)
    step = played.settle(1, in_the_air, Submitted(1))
    assert isinstance(step, Submission)
    texts = [step.segment.text]
    step = played.settle(1, step, Submitted(2))
    assert isinstance(step, Submission)
    texts.append(step.segment.text)
    assert "2N" in texts


def test_the_parts_of_a_message_are_one_turn(played: PlayedGateway) -> None:
    submit(played, 1, 2, text="é" * 200)
    submit(played, 2, 2)
    assert sends(played, 100) == ["1N 1", "é" * 2 + " 2", "2N", "1N 1", "é" * 2 + " 2", "2N"]


def test_a_part_that_waits_for_its_back_off_gives_the_turn_to_the_next_company(played: PlayedGateway) -> None:
    submit(played, 1, text="é" * 200)
    submit(played, 2)
    step = played.settle(1, played.claim(1), refused(Kind.MOMENT))
    assert isinstance(step, Submission)
    assert step.seq == 2  # the message goes on
    other = played.settle(1, step, Submitted(1))
    assert isinstance(other, Submission)
    assert other.segment.text == "2N"
    last = eventually(lambda: step if isinstance(step := played.next(1), Submission) else None)
    assert last.segment.text.startswith("1N")


def test_no_class_starves_and_the_higher_one_goes_first(played: PlayedGateway) -> None:
    for priority, count in ((Priority.OTP, 200), (Priority.NORMAL, 200), (Priority.BULK, 200)):
        submit(played, 1, count, priority)
    seen = sends(played, 200)
    assert seen[0] == "1O"
    for first in range(len(seen) - 20):
        window = Counter(seen[first : first + 20])
        assert window["1N"] >= 1
        assert window["1B"] >= 1
        assert window["1O"] >= 16


def test_a_class_that_waits_alone_sends_all_the_time(played: PlayedGateway) -> None:
    submit(played, 1, 30, Priority.BULK)
    assert sends(played, 100) == ["1B"] * 30


def test_turns_also_count_where_another_sim_helps(played: PlayedGateway) -> None:
    submit(played, 1, 20)
    submit(played, 2, 20)
    played.up(2, B)
    played.down(1)
    played.clock.passed += 100
    seen = sends(played, 10, port=2)
    assert Counter(seen)["1N"] == Counter(seen)["2N"] == 5


@dataclass(frozen=True)
class Waits:
    """Messages that wait at the start: of a company, of a priority."""

    company: int
    priority: Priority
    count: int
    pinned: bool


WAITING = st.lists(
    st.builds(
        Waits,
        st.integers(1, 4),
        st.sampled_from(Priority),
        st.integers(1, 25),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@given(WAITING)
@settings(max_examples=8)
def test_any_companies_and_priorities_share_a_sim_fairly(waiting: list[Waits]) -> None:
    """While a company waits in a class, no other company sends two messages of that class; no class waits for 20 parts."""
    with TemporaryDirectory() as folder, sharing(Path(folder), companies=4) as played:
        left: Counter[tuple[int, str]] = Counter()
        for each in waiting:
            sim = played.sim(A) if each.pinned else None
            submit(played, each.company, each.count, each.priority, sim=sim)
            left[each.company, each.priority.name[0]] += each.count
        total = left.total()
        order: list[str] = []
        since: dict[tuple[int, str], Counter[int]] = {lane: Counter() for lane in left}
        passed: Counter[str] = Counter()
        for sent in sends(played, total + 1):
            lane = (int(sent[0]), sent[1])
            order.append(sent)
            left[lane] -= 1
            since[lane] = Counter()
            for (company, name), count in left.items():
                if count and name == lane[1] and company != lane[0]:
                    since[company, name][lane[0]] += 1
                    assert since[company, name][lane[0]] <= 1, order
            for name in {name for (_, name), count in left.items() if count and name != lane[1]}:
                passed[name] += 1
                assert passed[name] < 20, order
            passed[lane[1]] = 0
        assert not +left


@given(st.lists(st.sets(st.sampled_from(SendClass), min_size=1), min_size=1, max_size=300))
def test_each_waiting_class_gets_one_part_in_twenty(rounds: list[set[SendClass]]) -> None:
    turns = Turns()
    waited: Counter[SendClass] = Counter()
    always: set[SendClass] = set(SendClass)
    for waiting in rounds:
        chosen = turns.order(waiting)[0]
        turns = turns.after(chosen, 1, None, waiting - {chosen})
        always &= waiting
        for each in SendClass:
            waited[each] = waited[each] + 1 if each in waiting and each is not chosen else 0
            assert waited[each] < 20


def test_parts_that_waited_before_an_upgrade_are_in_their_companies_lanes(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    with closing(sqlite3.connect(path)) as db:
        migrations.apply(Database(db), stop_before="m021_campaigns_windows")
        db.execute("INSERT INTO sims (iccid, port, slot, first_seen_at) VALUES (?, 1, 1, 0)", (A,))
        for number in (1, 2, 3):
            company = 1 if number < 3 else 2
            db.execute(
                "INSERT INTO messages (id, sms_id, task_id, company_id, recipient, text, priority, pinned, sim_id, parts,"
                " unsent, undelivered, cost, taken_day, day, created_at)"
                " VALUES (:number, :number, :number, :company, :recipient, :company, 1, 0, 1, 1, 1, 1, 0, '2027-01-15', '2027-01-15', 0)",
                {"number": number, "company": company, "recipient": RECIPIENT},
            )
            db.execute(
                "INSERT INTO parts (message_id, seq, sim_id, pinned, priority) VALUES (?, 1, 1, 0, 1)",
                (number,),
            )
        db.commit()
    played = PlayedGateway(tmp_path, backlog_guard_s=0)
    played.up(1, A)
    assert sends(played, 10) == ["1", "2", "1"]
    played.close()


def test_the_next_part_is_found_in_few_steps_among_very_many(played: PlayedGateway) -> None:
    """As many steps with 4,000 messages of one company as with 20."""

    def steps() -> int:
        count = itertools.count()

        def note(db: Connection) -> Callable[[], None]:
            sqlite(db).set_progress_handler(lambda: next(count) < 0, 100)
            return lambda: sqlite(db).set_progress_handler(None, 0)

        stop = played.store.write(note)
        sends(played, 5)
        played.store.write(lambda _: stop())
        return next(count)

    submit(played, 1, 20)
    submit(played, 2, 20)
    few = steps()
    for _ in range(4):
        submit(played, 1, 1000)
    assert steps() < 2 * few + 20
    assert not isinstance(played.next(1), Rest)
