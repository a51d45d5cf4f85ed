"""A SIM of the recipient's operator comes first, as far as the prefix of a number tells its operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.plans import plans
from gatewayd.sending.routing import Candidate, Router
from gatewayd.sims.limits import Room
from modem.errors import Kind
from tests.gatewayd.played_ports import PlayedGateway, refused

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"
ORANGE, MALITEL = "+22370123456", "+22366123456"
COMPANY = 1


def sim(
    number: int, operator: str, wait_s: float = 0.0, *, own: bool = False, parts: int | None = None
) -> Candidate:
    company = COMPANY if own else None
    return Candidate(number, "", operator, company, False, 0.0, Room("2026-11-30", parts=parts), wait_s)


def chosen(
    candidates: list[Candidate], operator: str, *, portable: bool = False, parts: int = 1
) -> int | None:
    found = Router(candidates, COMPANY, portable=portable).choose(None, operator, ORANGE, parts)
    return None if found is None else found.id


@pytest.mark.parametrize("portable", [False, True])
def test_among_sims_that_are_equally_soon_the_recipients_operator_comes_first(portable: bool) -> None:
    both = [sim(1, "Malitel"), sim(2, "Orange ML")]
    assert chosen(both, "Orange", portable=portable) == 2
    assert chosen(both, "Malitel", portable=portable) == 1
    assert chosen(both, "", portable=portable) == 1


def test_only_where_numbers_stay_with_their_operator_it_is_worth_a_wait() -> None:
    busy = [sim(1, "Malitel"), sim(2, "Orange", wait_s=60)]
    assert chosen(busy, "Orange") == 2
    assert chosen(busy, "Orange", portable=True) == 1
    nearly = [sim(1, "Malitel"), sim(2, "Orange", wait_s=3)]
    assert chosen(nearly, "Orange", portable=True) == 2


def test_a_companys_own_sim_comes_before_one_of_the_operator_and_its_own_one_of_the_operator_first() -> None:
    candidates = [sim(1, "Orange"), sim(2, "Malitel", own=True), sim(3, "Orange", wait_s=9, own=True)]
    assert chosen(candidates, "Orange") == 3
    assert chosen(candidates, "Orange", portable=True) == 2
    assert chosen(candidates[:2], "Orange") == 2
    assert chosen(candidates, "") == 2


def test_a_sim_of_the_operator_without_room_for_the_message_is_passed_over() -> None:
    candidates = [sim(1, "Orange", parts=1), sim(2, "Orange", wait_s=9, parts=2), sim(3, "Malitel")]
    assert [chosen(candidates, "Orange", parts=parts) for parts in (1, 2, 3)] == [1, 2, 3]
    assert chosen(candidates[:2], "Orange", parts=3) is None


@pytest.mark.parametrize(
    ("plan", "portable"),
    [("guide", False), ("mali", False), ("senegal", True), ("cote_d_ivoire", True), ("nigeria", True)],
)
def test_a_plan_says_whether_its_numbers_are_portable(plan: str, portable: bool) -> None:
    assert plans()[plan].operators.portable is portable


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, ports=3, plan="mali", backoff_s=(0.05,))
    for port, (iccid, operator) in enumerate(((A, "Orange ML"), (B, "MALITEL"), (C, "Orange ML")), 1):
        played.up(port, iccid)
        played.set_sim(iccid, operator=operator)
    yield played
    played.close()


def test_a_message_that_a_sim_could_not_send_goes_on_to_a_sim_of_the_recipients_operator(
    played: PlayedGateway,
) -> None:
    played.send(recipient=ORANGE)
    first, other = (1, C) if played.row("SELECT sim_id FROM messages")[0] == played.sim(A) else (3, A)
    played.settle(first, played.claim(first), refused(Kind.SIM, 50))
    assert played.row("SELECT sim_id FROM messages")[0] == played.sim(other)
