"""The name of a SIM: the same for the same SIM and another for another, whichever numbers the modem reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modem.driver.card_identity import Card, CardIdentities
from modem.driver.sim import SimState
from modem.parts import Submitted
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig, Fault
from tests.conftest import eventually
from tests.modem.healthy_modem import OK, healthy
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import SCALE, port_on, running
from tests.modem.scripted_modem import ScriptedModem

ONE, TWO = Card("898600B5112340005012", "460020000000001"), Card("898600B5112340005038", "460020000000002")
UNREADABLE = b"\r\n+CME ERROR: 13\r\n"


def named(*cards: Card) -> list[str | None]:
    """Return the names of the SIMs that a port sees in its only slot, one after the other."""
    identities = CardIdentities(7)
    return [identities.name(1, card) for card in cards]


def without_iccid(card: Card) -> Card:
    return Card("", card.imsi)


def without_imsi(card: Card) -> Card:
    return Card(card.iccid, "")


@pytest.mark.parametrize(
    "cards",
    [
        (ONE, ONE),
        (ONE, without_iccid(ONE)),
        (ONE, without_iccid(ONE), without_imsi(ONE), ONE),
        (ONE, TWO, without_iccid(ONE)),
        (without_imsi(ONE), ONE, without_iccid(ONE)),
    ],
)
def test_a_sim_keeps_its_name(cards: tuple[Card, ...]) -> None:
    names = named(*cards)
    assert (names[0], names[-1]) == (ONE.iccid, ONE.iccid)


def test_a_sim_is_named_by_its_iccid_as_soon_as_that_is_read() -> None:
    assert named(without_iccid(ONE), ONE, without_iccid(ONE)) == ["imsi:" + ONE.imsi, ONE.iccid, ONE.iccid]


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (ONE, TWO, TWO.iccid),
        (ONE, without_iccid(TWO), "imsi:" + TWO.imsi),
        (without_iccid(ONE), without_iccid(TWO), "imsi:" + TWO.imsi),
        (without_iccid(ONE), TWO, TWO.iccid),
        (without_imsi(ONE), without_imsi(TWO), TWO.iccid),
        (ONE, without_imsi(TWO), TWO.iccid),
        (
            ONE,
            Card(ONE.iccid, TWO.imsi),
            "imsi:" + TWO.imsi,
        ),  # the modem still reports a number of the old SIM
    ],
)
def test_another_sim_gets_another_name_at_once(before: Card, after: Card, name: str) -> None:
    assert named(before, after)[1] == name


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (ONE, Card(), "port:7/slot:1"),
        (without_iccid(ONE), Card(), "port:7/slot:1"),
        (without_iccid(ONE), without_imsi(TWO), TWO.iccid),
        (without_imsi(ONE), without_iccid(TWO), "imsi:" + TWO.imsi),
    ],
)
def test_a_sim_that_cannot_be_compared_is_read_again_and_then_counts_as_another(
    before: Card, after: Card, name: str
) -> None:
    names = named(before, *[after] * 10)
    assert names[1:-1] == [None] * 9
    assert names[-1] == name


def test_a_sim_without_numbers_is_named_by_its_slot() -> None:
    assert named(Card(), Card()) == ["port:7/slot:1"] * 2


def test_one_iccid_with_two_imsis_is_two_sims() -> None:
    other = Card(ONE.iccid, TWO.imsi)
    assert named(ONE, other, ONE, without_imsi(ONE), other) == [
        ONE.iccid,
        "imsi:" + TWO.imsi,
        ONE.iccid,
        ONE.iccid,
        "imsi:" + TWO.imsi,
    ]


# On a port


def told(card: Card) -> dict[str, bytes]:
    """Return the answers of a modem with this SIM."""
    return {
        "AT+CCID": b"\r\n+CCID: %s\r\n" % card.iccid.encode() + OK if card.iccid else UNREADABLE,
        "AT+CIMI": b"\r\n%s\r\n" % card.imsi.encode() + OK if card.imsi else UNREADABLE,
    }


@pytest.mark.parametrize("before", [ONE, without_iccid(ONE), without_imsi(ONE)])
@pytest.mark.parametrize("after", [TWO, without_iccid(TWO), without_imsi(TWO), Card()])
def test_a_sim_that_is_exchanged_without_a_urc_is_noticed_and_used(before: Card, after: Card) -> None:
    work = RecordingWork()
    answers = healthy()
    answers.update(told(before))
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        old = work.statuses[-1].active.iccid
        modem.answers.update(told(after))
        eventually(lambda: work.state is PortState.UP and work.statuses[-1].active.iccid != old)
        seen = {status.active.iccid for status in work.statuses}
        assert seen == {"", old, CardIdentities(1).name(1, after)}


def test_a_sim_whose_number_cannot_be_read_for_some_time_keeps_its_name() -> None:
    work = RecordingWork()
    answers = healthy()
    answers.update(told(ONE))
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        for card in (without_iccid(ONE), without_imsi(ONE), ONE):
            modem.answers.update(told(card))
            modem.commands.append("(here)")
            modem.say(b"\r\nRDY\r\n")
            eventually(lambda: "AT+CNUM" in modem.commands[-1 - modem.commands[::-1].index("(here)") :])
            eventually(lambda: work.state is PortState.UP)
    assert {status.active.iccid for status in work.statuses} == {"", ONE.iccid}


@pytest.mark.parametrize("personality", ["plain", "ec25", "e173"])
def test_a_sim_that_is_exchanged_in_a_simulated_modem_is_another_sim(
    tmp_path: Path, personality: str
) -> None:
    config = BankConfig(tmp_path / "bank", ports=1, time_scale=SCALE, personality=personality)
    with Bank(config) as bank:
        work = RecordingWork()
        with port_on(bank, work):
            eventually(lambda: work.state is PortState.UP)
            bank.fault(1, Fault.ICCID_LOST, -1)
            fresh = bank.exchange_card(1)
            eventually(lambda: work.statuses[-1].active.iccid.startswith("imsi:"))
            assert work.statuses[-1].active.sim is SimState.READY
            bank.calm()
            bank.call(bank.modem(1).reset)
            eventually(lambda: work.statuses[-1].active.iccid == fresh)


def test_a_sim_that_registers_again_is_identified_before_a_part_is_sent() -> None:
    slow = replace(FAST, refresh_s=60.0)
    work = RecordingWork()
    answers = healthy()
    answers.update(told(ONE))
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=slow) as port:
        eventually(lambda: work.state is PortState.UP)
        modem.answers.update({**told(without_iccid(TWO)), "AT+CREG?": b"\r\n+CREG: 1,2\r\n" + OK})
        modem.say(b"\r\n+CREG: 2\r\n")
        eventually(lambda: not work.statuses[-1].active.registration.carries_sms)
        work.give(part())
        port.wake()
        modem.answers["AT+CREG?"] = b"\r\n+CREG: 1,1\r\n" + OK
        modem.say(b"\r\n+CREG: 1\r\n")
        eventually(lambda: work.results == [Submitted(1)])
    [sender] = {status.active.iccid for status in work.claims if status.active.registration.carries_sms} - {
        ONE.iccid
    }
    assert sender == "imsi:" + TWO.imsi
    assert work.claims[-2].active.iccid == sender
