"""When a port with several slots turns to another SIM."""

from __future__ import annotations

from pathlib import Path

from modem.driver.registration import Registration
from modem.parts import Submitted
from modem.port.interface import Rest, Switch
from tests.gatewayd.played_ports import House, report, reported

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"


def test_two_slots_are_served_in_batches(tmp_path: Path) -> None:
    house = House(tmp_path, slot_dwell_s=60)
    house.up(1, A, B)
    for n in range(10):
        house.send(sim=house.sim(A if n % 2 else B))
    switches, sent, step = 0, 0, house.next(1)
    while not isinstance(step, Rest):
        assert switches < 10
        if isinstance(step, Switch):
            switches += 1
            house.up(1, A, B, active=step.slot)
            step = house.next(1)
        else:
            sent += 1
            step = house.settle(1, step, Submitted(sent))
            reported(house, 1, report(house, sent))
            if step == Rest(10):
                step = house.next(1)
    assert (sent, switches) == (10, 1)
    house.close()


def test_a_port_leaves_a_slot_when_its_reports_have_arrived(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.up(1, A, B)
    for sim in (A, B):
        house.send(sim=house.sim(sim))
    assert house.settle(1, house.claim(1), Submitted(1)) == Rest(10)
    rings = house.bells[1].rings
    reported(house, 1, report(house, 1))
    assert house.bells[1].rings > rings
    assert house.next(1) == Switch(2)
    house.close()


def test_a_missing_report_does_not_hold_the_slot(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.up(1, A, B)
    for sim in (A, B):
        house.send(sim=house.sim(sim))
    house.settle(1, house.claim(1), Submitted(1))
    house.clock.passed += 10
    assert house.next(1) == Switch(2)
    house.close()


def test_an_idle_port_turns_back_for_reports_and_visits_its_other_slots(tmp_path: Path) -> None:
    house = House(tmp_path, slot_dwell_s=60, slot_visit_s=600)
    house.up(1, A, B)
    house.send(sim=house.sim(A))
    house.settle(1, house.claim(1), Submitted(1))
    house.up(1, A, B, active=2)
    house.clock.passed += 30
    assert house.next(1) == Rest(30)
    house.clock.passed += 30
    assert house.next(1) == Switch(1)
    house.up(1, A, B, active=1)
    reported(house, 1, report(house, 1))
    assert house.next(1) == Rest(600)
    house.clock.passed += 600
    assert house.next(1) == Switch(2)
    house.close()


def test_the_other_slots_turn_comes_after_the_dwell_time(tmp_path: Path) -> None:
    house = House(tmp_path, slot_dwell_s=60)
    house.up(1, A, B)
    for sim in (A, A, B):
        house.send(sim=house.sim(sim))
    part = house.claim(1)
    house.clock.passed += 61
    assert house.settle(1, part, Submitted(1)) == Switch(2)
    house.close()


def test_a_new_active_slot_gets_time_to_register(tmp_path: Path) -> None:
    house = House(tmp_path, slot_dwell_s=60)
    house.up(1, A, B)
    house.send(sim=house.sim(A))
    house.send(sim=house.sim(B))
    house.up(1, A, B, active=2, registration=Registration.SEARCHING)
    assert house.next(1) == Rest(60)
    house.clock.passed += 60
    assert house.next(1) == Switch(1)
    house.close()
