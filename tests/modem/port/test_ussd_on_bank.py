"""USSD through a port, on simulated modems of every make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modem.driver.ussd import Session, UssdRefusedError, UssdSilentError, UssdUnavailableError
from modem.parts import Submitted
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig, Fault
from modem.simulator.personality import PERSONALITIES
from tests.conftest import eventually
from tests.modem.recording_work import RecordingWork, part
from tests.modem.running_port import SCALE, port_on

ACCENTS = "Crédit: 1 250 F. À bientôt,\nç'est noté"  # beyond the GSM alphabet
GSM_ACCENTS = "Crédit épuisé: 0 F à 12h\n*2 Acheter @ l'unité_$"


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    """A bank of two modems, the second with two slots."""
    with Bank(BankConfig(tmp_path / "bank", ports=2, slots_of={2: 2}, time_scale=SCALE)) as running:
        running.network.ussd_answers.update({"*9#": ACCENTS, "*8#": GSM_ACCENTS})
        yield running


@pytest.mark.parametrize("make", sorted(PERSONALITIES))
def test_every_make_carries_a_ussd_code_and_its_answer(tmp_path: Path, make: str) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=1, time_scale=SCALE, personality=make)) as bank:
        bank.network.ussd_answers.update({"*9#": ACCENTS, "*8#": GSM_ACCENTS})
        work = RecordingWork(part())
        with port_on(bank, work) as port:
            eventually(lambda: work.state is PortState.UP)
            charset = bank.call(lambda: bank.modem(1).settings.cscs)
            answer = port.ussd("#123#").result(60)
            assert (answer.port, answer.slot, answer.iccid) == (1, 1, work.statuses[-1].active.iccid)
            assert answer.session is Session.DONE
            assert "1250 FCFA" in answer.text
            assert port.ussd("*9#").result(60).text == ACCENTS
            assert port.ussd("*8#").result(60).text == GSM_ACCENTS
            menu = port.ussd("*100#", ["2"]).result(60)
            assert [reply.session for reply in menu.replies] == [Session.OPEN, Session.DONE]
            assert menu.text.endswith(bank.number(1))
            assert port.ussd("*100#").result(60).session is Session.OPEN
            assert port.ussd("*1234#").result(60).session is Session.NOT_SUPPORTED
            assert bank.call(lambda: bank.modem(1).settings.cscs) == charset
            eventually(lambda: len(work.outcomes) == 1)


def test_codes_are_sent_between_submissions_and_delay_none_for_long(bank: Bank) -> None:
    work = RecordingWork(*(part(number, f"text {number}", bank.number(2)) for number in range(1, 31)))
    with port_on(bank, work) as port:
        eventually(lambda: work.outcomes)
        answers = [port.ussd("#123#") for _ in range(3)]
        assert all("1250" in answer.result(60).text for answer in answers)
        assert len(work.outcomes) < 30
        eventually(lambda: len(work.outcomes) == 30)
    assert all(isinstance(result, Submitted) for result in work.results)


def test_the_last_outcome_is_settled_before_a_code_is_sent(bank: Bank) -> None:
    bank.hold(1, "+CMGS", answer=True)
    work = RecordingWork(part(1), part(2))
    with port_on(bank, work) as port:
        eventually(lambda: work.statuses and work.statuses[-1].busy)
        answer = port.ussd("#123#")
        settled: list[int] = []
        answer.add_done_callback(lambda _: settled.append(len(work.outcomes)))  # in the thread of the port
        bank.release(1)
        answer.result(60)
        eventually(lambda: len(work.outcomes) == 2)
    assert settled == [1]


def test_a_code_is_sent_by_the_sim_of_another_slot(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work, 2, slots=2) as port:
        eventually(lambda: work.state is PortState.UP)
        for slot in (2, 1, 2):
            answer = port.ussd("*100#", ["2"], slot).result(60)
            assert answer.text.endswith(bank.number(2, slot))
            assert (answer.slot, answer.iccid) == (slot, bank.iccid(2, slot))
        with pytest.raises(UssdUnavailableError, match="no slot 3"):
            port.ussd("*100#", slot=3).result(60)
        assert work.state is PortState.UP


def test_without_a_network_the_code_is_refused_in_words(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: work.state is PortState.UP)
        bank.set_registration(1, 0)
        with pytest.raises(UssdRefusedError, match="refused the code"):
            port.ussd("#123#").result(60)


def test_a_missing_answer_does_not_stop_the_port(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: work.state is PortState.UP)
        bank.network.ussd_s = 10_000.0
        with pytest.raises(UssdSilentError):
            port.ussd("#123#").result(60)
        bank.network.ussd_s = 1.5
        work.give(part())
        port.wake()
        eventually(lambda: len(work.outcomes) == 1)
        assert "1250" in port.ussd("#123#").result(60).text


@pytest.mark.parametrize(
    "fault",
    [
        Fault.RESULT_LOST,
        Fault.RESULT_TWICE,
        Fault.ECHO_BACK,
        Fault.NOISE,
        Fault.URC_INSIDE,
        Fault.PAUSE_INSIDE,
    ],
)
def test_faults_of_the_line_are_survived(bank: Bank, fault: Fault) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: work.state is PortState.UP)
        bank.fault(1, fault)
        asked = port.ussd("#123#")
        assert asked.exception(60) is None or isinstance(asked.exception(), UssdSilentError)
        assert "1250" in port.ussd("#123#").result(60).text


@pytest.mark.parametrize("fault", [Fault.USSD_LOST, Fault.USSD_LATE])
def test_an_earlier_code_never_answers_the_next(bank: Bank, fault: Fault) -> None:
    bank.network.ussd_answers.update({"*1#": "Premier", "*2#": "Second"})
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: work.state is PortState.UP)
        bank.fault(1, fault)
        with pytest.raises(UssdSilentError):
            port.ussd("*1#").result(60)
        assert [port.ussd("*2#").result(60).text for _ in range(3)] == ["Second"] * 3


def test_a_port_that_cannot_ask_says_why(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: work.state is PortState.UP)
        bank.network.ussd_s = 10_000.0
        lost = port.ussd("#123#")
        eventually(lost.running)
        waiting = port.ussd("#123#")
        bank.unplug(1)
        with pytest.raises(UssdUnavailableError, match="lost"):
            lost.result(60)
        with pytest.raises(UssdUnavailableError, match=r"lost|not there"):
            waiting.result(60)
        eventually(lambda: work.state is PortState.ABSENT)
        with pytest.raises(UssdUnavailableError):
            port.ussd("#123#").result(60)
    with pytest.raises(UssdUnavailableError, match="stopped"):
        port.ussd("#123#").result(1)


def test_a_stop_ends_a_session_at_once_and_an_order_can_be_taken_back(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: work.state is PortState.UP)
        bank.network.ussd_s = 10_000.0
        running = port.ussd("#123#")
        eventually(running.running)
        assert port.ussd("#123#").cancel()
        waiting = port.ussd("#123#")
        port.stop()
        for asked in (running, waiting):
            with pytest.raises(UssdUnavailableError, match="stopped"):
                asked.result(60)
