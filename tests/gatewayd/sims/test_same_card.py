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

ICCID, OTHER_ICCID, IMSI = "898600B5112340005012", "898600B5112340005038", "460020000000001"
BY_IMSI = f"imsi:{IMSI}"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path)
    yield played
    played.close()


def report_card(played: PlayedGateway, name: str, imsi: str = IMSI, *, port: int = 1) -> None:
    """A port reports the card in its slot."""
    slot = SlotStatus(1, SimState.READY, name, imsi, registration=Registration.HOME)
    played.set_status(PortStatus(port, f"/dev/tty{port}", PortState.UP, "", (slot,), 1))


def sims(played: PlayedGateway) -> list[tuple[int, str]]:
    with played.store.readers.lend() as db:
        return [tuple(row) for row in db.execute("SELECT id, iccid FROM sims ORDER BY id")]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("names", [(BY_IMSI, ICCID, BY_IMSI), (ICCID, BY_IMSI, ICCID)])
def test_a_card_stays_one_sim_whether_known_by_iccid_or_imsi(
    played: PlayedGateway, names: tuple[str, ...], restarts: bool
) -> None:
    for name in names:
        report_card(played, name)
        if restarts:
            played.restart()
    assert sims(played) == [(1, ICCID)]


def test_another_subscriber_is_another_sim(played: PlayedGateway) -> None:
    report_card(played, ICCID)
    report_card(played, "imsi:460020000000002", "460020000000002")
    assert [name for _, name in sims(played)] == [ICCID, "imsi:460020000000002"]


def test_two_subscribers_on_one_card_stay_two_sims_after_a_restart(played: PlayedGateway) -> None:
    report_card(played, ICCID)
    report_card(played, "imsi:460020000000002", "460020000000002")
    played.restart()
    report_card(played, ICCID, "460020000000002")
    report_card(played, ICCID)
    assert len(sims(played)) == 2
    with played.store.readers.lend() as db:
        imsis = dict(tuple(row) for row in db.execute("SELECT iccid, imsi FROM sims"))
    assert imsis == {ICCID: IMSI, "imsi:460020000000002": "460020000000002"}


def test_cards_without_an_imsi_are_distinguished_by_their_iccid(played: PlayedGateway) -> None:
    report_card(played, ICCID, "")
    report_card(played, OTHER_ICCID, "")
    assert [name for _, name in sims(played)] == [ICCID, OTHER_ICCID]


def test_a_message_that_waits_for_a_card_is_sent_once_its_iccid_is_known(played: PlayedGateway) -> None:
    report_card(played, BY_IMSI)
    sms_id = played.send(sim=played.sim(BY_IMSI))
    played.restart()
    report_card(played, ICCID)
    played.settle(1, played.claim(1), Submitted(7))
    assert played.view(sms_id).status is Status.SENT
