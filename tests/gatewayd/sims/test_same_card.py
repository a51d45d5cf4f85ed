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
from tests.gatewayd.played_ports import PlayedGateway

ICCID, OTHER, IMSI = "898600B5112340005012", "898600B5112340005038", "460020000000001"
BY_IMSI = f"imsi:{IMSI}"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path)
    yield played
    played.close()


def see(played: PlayedGateway, name: str, imsi: str = IMSI, *, port: int = 1) -> None:
    """A port reports the card in its slot."""
    slot = SlotStatus(1, SimState.READY, name, imsi, registration=Registration.HOME)
    played.say(PortStatus(port, f"/dev/tty{port}", PortState.UP, "", (slot,), 1))


def sims(played: PlayedGateway) -> list[tuple[int, str]]:
    with played.store.readers.lend() as db:
        return [tuple(row) for row in db.execute("SELECT id, iccid FROM sims ORDER BY id")]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("names", [(BY_IMSI, ICCID, BY_IMSI), (ICCID, BY_IMSI, ICCID)])
def test_a_card_stays_one_sim_whatever_its_modem_tells(
    played: PlayedGateway, names: tuple[str, ...], restarts: bool
) -> None:
    for name in names:
        see(played, name)
        if restarts:
            played.restart()
    assert sims(played) == [(1, ICCID)]


def test_another_subscriber_is_another_sim(played: PlayedGateway) -> None:
    see(played, ICCID)
    see(played, "imsi:460020000000002", "460020000000002")
    assert [name for _, name in sims(played)] == [ICCID, "imsi:460020000000002"]


def test_two_subscribers_on_one_card_stay_two_sims_after_a_restart(played: PlayedGateway) -> None:
    see(played, ICCID)
    see(played, "imsi:460020000000002", "460020000000002")
    played.restart()
    see(played, ICCID, "460020000000002")
    see(played, ICCID)
    assert len(sims(played)) == 2
    with played.store.readers.lend() as db:
        told = dict(tuple(row) for row in db.execute("SELECT iccid, imsi FROM sims"))
    assert told == {ICCID: IMSI, "imsi:460020000000002": "460020000000002"}


def test_cards_without_an_imsi_are_told_apart_by_their_iccid(played: PlayedGateway) -> None:
    see(played, ICCID, "")
    see(played, OTHER, "")
    assert [name for _, name in sims(played)] == [ICCID, OTHER]


def test_what_waits_for_a_card_is_sent_once_it_is_known_by_its_iccid(played: PlayedGateway) -> None:
    see(played, BY_IMSI)
    sms_id = played.send(sim=played.sim(BY_IMSI))
    played.restart()
    see(played, ICCID)
    played.settle(1, played.claim(1), Submitted(7))
    assert played.view(sms_id).status is Status.SENT
