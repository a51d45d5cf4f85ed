"""When a port with several slots switches to another SIM."""

from __future__ import annotations

from pathlib import Path

from modem.driver.registration import Registration
from modem.parts import Submitted
from modem.port.interface import Rest, Switch
from tests.gatewayd.played_ports import A, B, PlayedGateway, report, reported


def test_two_slots_are_served_in_batches(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, slot_dwell_s=60)
    played.up(1, A, B)
    for n in range(10):
        played.send(sim=played.sim(A if n % 2 else B))
    switches, sent, step = 0, 0, played.next(1)
    while not isinstance(step, Rest):
        assert switches < 10
        if isinstance(step, Switch):
            switches += 1
            played.up(1, A, B, active=step.slot)
            step = played.next(1)
        else:
            sent += 1
            step = played.settle(1, step, Submitted(sent))
            reported(played, 1, report(played, sent))
            if step == Rest(10):
                step = played.next(1)
    assert (sent, switches) == (10, 1)
    played.close()


def test_a_port_leaves_a_slot_when_its_reports_have_arrived(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path)
    played.up(1, A, B)
    for sim in (A, B):
        played.send(sim=played.sim(sim))
    assert played.settle(1, played.claim(1), Submitted(1)) == Rest(10)
    wakes = played.ports[1].wakes
    reported(played, 1, report(played, 1))
    assert played.ports[1].wakes > wakes
    assert played.next(1) == Switch(2)
    played.close()


def test_a_missing_report_does_not_hold_the_slot(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path)
    played.up(1, A, B)
    for sim in (A, B):
        played.send(sim=played.sim(sim))
    played.settle(1, played.claim(1), Submitted(1))
    played.clock.passed += 10
    assert played.next(1) == Switch(2)
    played.close()


def test_an_idle_port_switches_back_for_reports_and_visits_its_other_slots(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, slot_dwell_s=60, slot_visit_s=600)
    played.up(1, A, B)
    played.send(sim=played.sim(A))
    played.settle(1, played.claim(1), Submitted(1))
    played.up(1, A, B, active=2)
    played.clock.passed += 30
    assert played.next(1) == Rest(30)
    played.clock.passed += 30
    assert played.next(1) == Switch(1)
    played.up(1, A, B, active=1)
    reported(played, 1, report(played, 1))
    assert played.next(1) == Rest(600)
    played.clock.passed += 600
    assert played.next(1) == Switch(2)
    played.close()


def test_the_port_switches_to_the_other_slot_after_the_dwell_time(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, slot_dwell_s=60)
    played.up(1, A, B)
    for sim in (A, A, B):
        played.send(sim=played.sim(sim))
    part = played.claim(1)
    played.clock.passed += 61
    assert played.settle(1, part, Submitted(1)) == Switch(2)
    played.close()


def test_a_new_active_slot_gets_time_to_register(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, slot_dwell_s=60)
    played.up(1, A, B)
    played.send(sim=played.sim(A))
    played.send(sim=played.sim(B))
    played.up(1, A, B, active=2, registration=Registration.SEARCHING)
    assert played.next(1) == Rest(60)
    played.clock.passed += 60
    assert played.next(1) == Switch(1)
    played.close()
