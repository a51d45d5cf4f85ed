"""A SIM card stays one SIM, whether its modem reports its ICCID or only its IMSI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.records import Status
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.parts import Submitted
from modem.port.status import PortState, PortStatus, SlotStatus
from tests.gatewayd.played_ports import House

ICCID, OTHER, IMSI = "898600B5112340005012", "898600B5112340005038", "460020000000001"
BY_IMSI = f"imsi:{IMSI}"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def see(house: House, name: str, imsi: str = IMSI, *, port: int = 1) -> None:
    """A port reports the card in its slot."""
    slot = SlotStatus(1, SimState.READY, name, imsi, registration=Registration.HOME)
    house.say(PortStatus(port, f"/dev/tty{port}", PortState.UP, "", (slot,), 1))


def sims(house: House) -> list[tuple[int, str]]:
    with house.store.readers.lend() as db:
        return [tuple(row) for row in db.execute("SELECT id, iccid FROM sims ORDER BY id")]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("names", [(BY_IMSI, ICCID, BY_IMSI), (ICCID, BY_IMSI, ICCID)])
def test_a_card_stays_one_sim_whatever_its_modem_tells(
    house: House, names: tuple[str, ...], restarts: bool
) -> None:
    for name in names:
        see(house, name)
        if restarts:
            house.restart()
    assert sims(house) == [(1, ICCID)]


def test_another_subscriber_is_another_sim(house: House) -> None:
    see(house, ICCID)
    see(house, "imsi:460020000000002", "460020000000002")
    assert [name for _, name in sims(house)] == [ICCID, "imsi:460020000000002"]


def test_two_subscribers_on_one_card_stay_two_sims_after_a_restart(house: House) -> None:
    see(house, ICCID)
    see(house, "imsi:460020000000002", "460020000000002")
    house.restart()
    see(house, ICCID, "460020000000002")
    see(house, ICCID)
    assert len(sims(house)) == 2
    with house.store.readers.lend() as db:
        told = dict(tuple(row) for row in db.execute("SELECT iccid, imsi FROM sims"))
    assert told == {ICCID: IMSI, "imsi:460020000000002": "460020000000002"}


def test_cards_without_an_imsi_are_told_apart_by_their_iccid(house: House) -> None:
    see(house, ICCID, "")
    see(house, OTHER, "")
    assert [name for _, name in sims(house)] == [ICCID, OTHER]


def test_what_waits_for_a_card_is_sent_once_it_is_known_by_its_iccid(house: House) -> None:
    see(house, BY_IMSI)
    sms_id = house.send(sim=house.sim(BY_IMSI))
    house.restart()
    see(house, ICCID)
    house.settle(1, house.claim(1), Submitted(7))
    assert house.view(sms_id).status is Status.SENT
