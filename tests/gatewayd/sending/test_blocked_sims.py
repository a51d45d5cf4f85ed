"""A SIM that the network refuses, while its neighbours send, is suspected of being blocked and rests for longer and longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.operations.health import HealthState
from gatewayd.records import Audience
from gatewayd.store.tables import events
from modem.errors import Kind
from modem.parts import InDoubt, Refused, Submission, Submitted
from modem.port.interface import Rest
from tests.gatewayd.played_ports import PlayedGateway, refused

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, ports=3, backoff_s=(0.05,), max_attempts=1)
    for port, (iccid, operator) in enumerate(((A, "Orange"), (B, "ORANGE"), (C, "Malitel")), 1):
        played.up(port, iccid)
        played.set_sim(iccid, operator=operator)
    yield played
    played.close()


def fail(played: PlayedGateway, count: int, result: Refused | InDoubt, first: int = 0) -> None:
    """SIM A fails messages to different recipients, one after another, with rests between them."""
    for n in range(first, first + count):
        played.send(recipient=f"+2237000{n:04}", sim=played.sim(A))
        played.clock.passed += 901  # past the usual rests
        played.settle(1, played.claim(1), result)


def works(played: PlayedGateway, port: int, iccid: str) -> None:
    """Another SIM sends a message."""
    played.send(recipient="+22379999999", sim=played.sim(iccid))
    played.settle(port, played.claim(port), Submitted(1))


def suspected(played: PlayedGateway) -> bool:
    return played.row("SELECT suspected_at FROM sims WHERE iccid = ?", A)[0] is not None


def told(played: PlayedGateway) -> list[dict[str, object]]:
    with played.store.readers.lend() as db:
        found, _ = events.after(db, Audience(0, box=True, sandbox=False), 0, 10**9, None, 100)
    return [dict(event.data or {}) for event in found if event.type.value == "sim.suspected_blocked"]


def rest_s(played: PlayedGateway) -> float:
    return played.gateway.port_registry.rests(played.clock.passed).get(played.sim(A), 0.0)


@pytest.mark.parametrize(
    "failure", [refused(Kind.SIM, 50), refused(Kind.MOMENT, 38), refused(Kind.MOMENT, 500)]
)
def test_five_refused_recipients_beside_a_sending_neighbour_are_suspicious(
    played: PlayedGateway, failure: Refused
) -> None:
    fail(played, 1, failure)
    works(played, 2, B)
    fail(played, 3, failure, first=1)
    assert not suspected(played)
    fail(played, 1, failure, first=4)
    assert suspected(played)
    [data] = told(played)
    assert (data["sim_number_id"], data["sending_sims"]) == (played.sim(A), [played.sim(B)])
    sims = {check.name: check for check in played.gateway.checks()}["sims"]
    assert sims.state is HealthState.WARN
    assert "may be blocked" in sims.detail


def test_the_rests_grow_and_each_ends_with_one_try(played: PlayedGateway) -> None:
    failure = refused(Kind.SIM, 50)
    fail(played, 1, failure)
    works(played, 2, B)
    fail(played, 4, failure, first=1)
    for n, expected in enumerate((900, 1800, 3600, 7200, 14_400, 21_600, 21_600)):
        assert rest_s(played) == pytest.approx(expected)
        played.send(recipient=f"+2237100{n:04}", sim=played.sim(A))
        played.clock.passed += expected - 1
        assert isinstance(played.next(1), Rest)
        played.clock.passed += 2
        assert isinstance(played.settle(1, played.claim(1), failure), Rest)
    assert len(told(played)) == 1


def test_a_success_clears_the_suspicion(played: PlayedGateway) -> None:
    fail(played, 1, refused(Kind.SIM, 50))
    works(played, 2, B)
    fail(played, 4, refused(Kind.SIM, 50), first=1)
    played.send(recipient="+22371000000", sim=played.sim(A))
    played.send(recipient="+22371000001", sim=played.sim(A))
    played.clock.passed += 901
    step = played.settle(1, played.claim(1), Submitted(1))
    assert isinstance(step, Submission)
    assert not suspected(played)
    assert rest_s(played) == 0


def test_a_suspicion_outlives_a_restart(played: PlayedGateway) -> None:
    fail(played, 1, refused(Kind.SIM, 50))
    works(played, 2, B)
    fail(played, 4, refused(Kind.SIM, 50), first=1)
    played.restart()
    played.up(1, A)
    played.send(recipient="+22371000000", sim=played.sim(A))
    played.settle(1, played.claim(1), refused(Kind.SIM, 50))
    assert rest_s(played) == pytest.approx(900)  # one try is enough
    played.clock.passed += 901
    played.send(recipient="+22371000001", sim=played.sim(A))
    played.settle(1, played.claim(1), Submitted(1))
    assert not suspected(played)


@pytest.mark.parametrize("neighbour", ["none", "before", "other operator", "itself"])
def test_without_a_neighbour_that_sends_meanwhile_the_network_is_at_fault(
    played: PlayedGateway, neighbour: str
) -> None:
    if neighbour in ("before", "itself"):
        works(played, 2 if neighbour == "before" else 1, B if neighbour == "before" else A)
    fail(played, 1, refused(Kind.SIM, 50))
    if neighbour == "other operator":
        works(played, 3, C)
    fail(played, 5, refused(Kind.SIM, 50), first=1)
    assert not suspected(played)
    works(played, 2, B)  # a neighbour that sends later is seen at the next refusal
    fail(played, 1, refused(Kind.SIM, 50), first=6)
    assert suspected(played)


@pytest.mark.parametrize(
    "failure",
    [
        refused(Kind.RECIPIENT, 1),
        refused(Kind.MOMENT, 322),  # the modem's memory
        refused(Kind.CONFIGURATION, 330),
        refused(Kind.CONFIGURATION, 96),
        refused(Kind.MOMENT, None, "ERROR"),
        refused(Kind.MOMENT, 14, "CME"),
        InDoubt("no answer"),
    ],
)
def test_what_is_not_refused_by_the_network_is_no_sign_of_it(
    played: PlayedGateway, failure: Refused | InDoubt
) -> None:
    fail(played, 1, failure)
    works(played, 2, B)
    fail(played, 6, failure, first=1)
    assert not suspected(played)


def test_one_recipient_that_is_refused_again_and_again_is_no_sign_of_it(played: PlayedGateway) -> None:
    for _ in range(8):
        fail(played, 1, refused(Kind.SIM, 50))
        works(played, 2, B)
    assert not suspected(played)


def test_the_number_of_refusals_is_a_setting(tmp_path: Path) -> None:
    for blocked_after, expected in ((0, False), (2, True)):
        played = PlayedGateway(tmp_path / str(expected), ports=3, blocked_after=blocked_after, max_attempts=1)
        for port, iccid in enumerate((A, B), 1):
            played.up(port, iccid)
            played.set_sim(iccid, operator="Orange")
        fail(played, 1, refused(Kind.SIM, 50))
        works(played, 2, B)
        fail(played, 1 if expected else 20, refused(Kind.SIM, 50), first=1)
        assert suspected(played) is expected
        played.close()
