"""A box that takes part in a queue outside of it: what sending asks, and what it leaves to that queue."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from gatewayd.gateway import Gateway
from gatewayd.messages.effects import Effects
from gatewayd.sending.interfaces import Outside
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import shared_messages
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Moment
from modem.errors import Kind
from modem.parts import InDoubt, Submission
from modem.port.interface import Rest
from modem.sms.tpdu import StatusReport
from tests.conftest import eventually
from tests.gatewayd.played_ports import A, B, PlayedGateway, refused, report_on


class PlayedQueue:
    """A queue outside of the box; the test sets its answers."""

    def __init__(self) -> None:
        self.shared = True
        self.takes_back = False
        self.given_back: dict[int, set[int]] = {}
        self.open = True
        self.closed_to: set[int] = set()
        self.permitted = True
        self.reports: set[tuple[int, int]] = set()

    def is_shared(self, db: Transaction, message_id: int) -> bool:
        return self.shared

    def hand_back(
        self, db: Transaction, message: Message, refused_by: Collection[int], at: Moment, effects: Effects
    ) -> bool:
        self.given_back[message.id] = set(refused_by)
        if self.takes_back:
            shared_messages.drop(db, [message.id])
        return self.takes_back

    def is_open(self) -> bool:
        return self.open

    def for_message(self, db: Transaction, message_id: int) -> Callable[[], bool] | None:
        return None if message_id in self.closed_to else lambda: self.permitted

    def unmatched(self, db: Transaction, sim_id: int, report: StatusReport, at: Moment) -> None:
        self.reports.add((sim_id, report.reference))


class PlayedMember(PlayedGateway):
    """A gateway with a queue outside of it."""

    def open(self) -> None:
        self.queue = PlayedQueue()
        self.store = Store(self.settings.store.path)
        self.store.open()
        outside = Outside(self.queue, self.queue, self.queue)
        self.gateway = Gateway(self.settings, self.store, self.clock, outside=outside)
        self.gateway.start(self.ports)


@pytest.fixture
def member(tmp_path: Path) -> Iterator[PlayedMember]:
    made = PlayedMember(tmp_path, in_doubt="retry", in_doubt_wait_s=0.05, max_attempts=2)
    made.up(1, A)
    yield made
    made.close()


def test_nothing_is_claimed_while_the_permit_is_closed(member: PlayedMember) -> None:
    member.send("waits")
    member.queue.open = False
    rest = member.next(1)
    assert isinstance(rest, Rest)
    assert rest.seconds is not None  # it asks again, also where nobody wakes it
    member.queue.open = True
    assert isinstance(member.next(1), Submission)


def test_a_message_without_a_permit_leaves_the_queue_and_does_not_hold_up_others(
    member: PlayedMember,
) -> None:
    member.send("first")
    member.send("second")
    member.queue.closed_to.add(1)
    assert member.claim(1).segment.text == "second"
    assert tuple(member.row("SELECT state, deferred, attempts FROM parts WHERE message_id = 1")) == (
        "queued",
        1,
        0,
    )


def test_the_port_gets_the_check_that_it_makes_before_the_pdu(member: PlayedMember) -> None:
    member.send()
    submission = member.claim(1)
    assert submission.permitted()
    member.queue.permitted = False
    assert not submission.permitted()


def test_a_refusal_of_the_sim_gives_the_message_back_and_another_one_is_not_chosen_here(
    member: PlayedMember,
) -> None:
    member.up(2, B)
    member.queue.takes_back = True
    member.send()
    submission = member.claim(1)
    member.settle(1, submission, refused(Kind.SIM))
    assert member.queue.given_back == {1: {member.sim(A)}}
    assert member.row("SELECT count(*) FROM parts")[0] == 0
    assert isinstance(member.next(2), Rest)


def test_a_message_that_nobody_takes_back_is_tried_again_here(member: PlayedMember) -> None:
    member.send()
    member.settle(1, member.claim(1), refused(Kind.SIM))
    assert tuple(member.row("SELECT state, deferred FROM parts")) == ("queued", 1)


def test_a_passing_refusal_gives_the_message_back_only_when_patience_is_over(member: PlayedMember) -> None:
    member.send()
    member.settle(1, member.claim(1), refused(Kind.MOMENT))
    assert member.queue.given_back == {}


def test_a_shared_message_in_doubt_is_held_whatever_the_setting(member: PlayedMember) -> None:
    member.send("shared")
    member.settle(1, member.claim(1), InDoubt("no answer"))
    eventually(lambda: "held" in (member.row("SELECT failure_reason FROM messages")[0] or ""))
    assert member.row("SELECT state FROM parts")[0] == "in_doubt"


def test_a_message_of_the_box_itself_in_doubt_follows_the_setting(member: PlayedMember) -> None:
    member.queue.shared = False
    member.send("own")
    member.settle(1, member.claim(1), InDoubt("no answer"))
    eventually(lambda: member.row("SELECT state FROM parts")[0] == "queued")


def test_a_report_that_fits_no_part_goes_to_the_sink(member: PlayedMember) -> None:
    report_on(member, 1, 77)
    assert member.queue.reports == {(member.sim(A), 77)}
