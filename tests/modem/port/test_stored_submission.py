"""Parts that are sent from a modem's memory, on simulated modems; the simulated network records every submission."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modem.errors import STILL_STORED
from modem.parts import InDoubt, Place, Refused, StoredState, Submission, Submitted, Via
from modem.port.conditions import Condition
from modem.port.interface import Kept, Storage
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig, Fault
from modem.simulator.core.faults import ALWAYS
from modem.simulator.core.storage import Status, Stored
from modem.sms import tpdu
from tests.conftest import eventually
from tests.modem.healthy_modem import Answers, healthy
from tests.modem.recording_work import RecordingWork, part
from tests.modem.running_port import LOST_AFTER_S, SCALE, port_on, running
from tests.modem.scripted_modem import Script, ScriptedModem

STORING: dict[str, Any] = {"submit_via": "storage"}
MAKES = ("plain", "sim800", "ec25", "e173", "q2406", "m6280", "mf190")


@contextmanager
def bank_of(path: Path, make: str) -> Iterator[Bank]:
    with Bank(BankConfig(path / "bank", ports=1, personality=make, time_scale=SCALE)) as bank:
        yield bank


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    with bank_of(tmp_path, "plain") as bank:
        yield bank


def stored_part(number: int, *, marks: bool = True) -> Submission:
    return replace(part(number, f"text {number}"), via=Via.STORAGE, marks=marks)


def texts(bank: Bank) -> list[str]:
    return [accepted.text for accepted in bank.accepted()]


def put(bank: Bank, submission: Submission, status: Status) -> Place:
    """Put a part into the modem's memory; a modem may replace some fields by its own."""
    pdu = tpdu.submit(
        submission.recipient,
        submission.segment,
        seq=1,
        total=1,
        reference=1,
        validity_s=3600,
        message_reference=77,
    ).hex
    octets = bytes.fromhex("07912273009099F9" + pdu[2:])
    place = bank.call(lambda: bank.modem(1).own_memories["ME"].put(Stored(status, octets)))
    assert place is not None
    return Place("ME", place + 1)


def as_left(bank: Bank) -> None:
    """Set the volatile settings of the modem, as an older process had."""
    bank.call(lambda: bank.modem(1).feed(b"ATE0\r"))


@pytest.mark.parametrize("make", MAKES)
def test_every_make_sends_from_its_memory_and_its_mark_is_seen(tmp_path: Path, make: str) -> None:
    with bank_of(tmp_path, make) as bank:
        work = RecordingWork(*(stored_part(number, marks=number > 1) for number in (1, 2, 3)))
        with port_on(bank, work, **STORING):
            eventually(lambda: len(work.outcomes) == 3)
            bank.incoming(1, "+22376000000", "Bonjour")
            eventually(lambda: work.texts)
            eventually(lambda: bank.stored(1) == [])
        assert texts(bank) == ["text 1", "text 2", "text 3"]
        assert all(isinstance(result, Submitted) for result in work.results)
        assert work.lessons == [Storage.MARKS]
        assert {place.memory for place in work.places if place} == {"SM" if make == "q2406" else "ME"}
        assert len(work.texts) == 1


@pytest.mark.parametrize(
    ("make", "lesson", "directly"),
    [
        ("plain-marks-nothing", Storage.NO_MARKS, False),
        ("plain-writes-nothing", Storage.CANNOT, True),
        ("plain-sends-nothing-stored", Storage.CANNOT, True),
    ],
)
def test_a_model_that_cannot_send_from_memory_is_remembered_and_its_part_is_sent_once(
    tmp_path: Path, make: str, lesson: Storage, directly: bool
) -> None:
    with bank_of(tmp_path, make) as bank:
        work = RecordingWork(stored_part(1, marks=False))
        with port_on(bank, work, **STORING):
            eventually(lambda: work.outcomes)
            eventually(lambda: bank.stored(1) == [])
        assert texts(bank) == ["text 1"]
        assert work.lessons == [lesson]
        assert (work.places[-1] is None) is directly


def test_with_a_memory_full_of_other_texts_a_part_is_sent_directly(bank: Bank) -> None:
    memory = bank.modem(1).own_memories["ME"]
    while not memory.full:
        put(bank, part(99, "a draft"), Status.UNSENT)
    work = RecordingWork(stored_part(1))
    with port_on(bank, work, **STORING) as port:
        eventually(lambda: work.outcomes)
        assert Condition.SENT_ITEMS_FULL in work.statuses[-1].conditions
        bank.call(lambda: memory.delete(0))
        work.give(stored_part(2))
        port.wake()
        eventually(lambda: len(work.outcomes) == 2)
        eventually(lambda: Condition.SENT_ITEMS_FULL not in work.statuses[-1].conditions)
    assert (texts(bank), work.lessons) == (["text 1", "text 2"], [])


@pytest.mark.parametrize("code", [208, 211, 322])
def test_every_code_for_a_full_memory_is_recognised(code: int) -> None:
    work = RecordingWork(replace(stored_part(1), via=Via.STORAGE))
    answers: Answers = {"AT+CMGW": b"\r\n+CMS ERROR: %d\r\n" % code}
    with ScriptedModem(healthy(answers)) as modem, running(modem.device, work, **STORING):
        eventually(lambda: work.results == [Submitted(1)])
        assert Condition.SENT_ITEMS_FULL in work.statuses[-1].conditions
        assert len([command for command in modem.commands if command.startswith("AT+CMGW")]) == 2


@pytest.mark.parametrize(
    ("fault", "sent"), [(Fault.SILENT_TAKEN, True), (Fault.SILENT_LOST, False)], ids=["taken", "lost"]
)
def test_the_memory_settles_a_part_without_an_answer(bank: Bank, fault: Fault, sent: bool) -> None:
    bank.fault(1, fault)
    work = RecordingWork(stored_part(1))
    with port_on(bank, work, submit_timeout_s=LOST_AFTER_S, **STORING):
        eventually(lambda: work.outcomes)
        [result] = work.results
        eventually(lambda: bank.stored(1) == [])
    if sent:
        assert result == Submitted(None)
    else:
        assert isinstance(result, Refused)
        assert result.cause.code == STILL_STORED
    assert len(texts(bank)) == sent


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE, Fault.RESET_AFTER])
def test_a_reset_of_the_modem_leaves_the_part_in_doubt(bank: Bank, fault: Fault) -> None:
    bank.fault(1, fault)
    work = RecordingWork(stored_part(1))
    with port_on(bank, work, submit_timeout_s=LOST_AFTER_S, **STORING):
        eventually(lambda: work.outcomes)
    assert isinstance(work.results[0], InDoubt)


@pytest.mark.parametrize(
    ("status", "stored_state"),
    [(Status.SENT, StoredState.SENT), (Status.UNSENT, StoredState.UNSENT)],
    ids=["sent", "unsent"],
)
def test_after_a_restart_of_the_gateway_the_memory_settles_the_part(
    bank: Bank, status: Status, stored_state: StoredState
) -> None:
    work = RecordingWork()
    work.kept = [Kept(part(1), put(bank, part(1), status), settled=False, unsure_s=0.0)]
    as_left(bank)
    with port_on(bank, work):
        eventually(lambda: not work.kept)
    assert (work.stored_states, bank.stored(1)) == ([stored_state], [])


def test_unsent_proves_nothing_while_the_command_of_an_older_process_may_run(bank: Bank) -> None:
    place = put(bank, part(1), Status.UNSENT)
    bank.call(lambda: bank.modem(1).feed(b'ATE0\rAT+CMGF=0;+CPMS="ME","ME","SM"\r'))
    bank.hold(1, "+CMSS")
    bank.call(lambda: bank.modem(1).feed(b"AT+CMSS=%d\r" % place.index))
    bank.fault(1, Fault.ABANDONED, ALWAYS)  # it still answers AT
    work = RecordingWork()
    work.kept = [Kept(part(1), place, settled=False, unsure_s=0.5)]
    with port_on(bank, work, **STORING):
        eventually(lambda: work.claims)  # the memory was read, and does not count yet
        assert work.stored_states == []
        bank.release(1)
        eventually(lambda: not work.kept)
    assert (work.stored_states, texts(bank), bank.stored(1)) == ([StoredState.SENT], ["Bonjour"], [])


def test_unsent_proves_nothing_after_a_restart_of_the_modem(bank: Bank) -> None:
    work = RecordingWork()
    work.kept = [Kept(part(1), put(bank, part(1), Status.UNSENT), settled=False, unsure_s=0.0)]
    as_left(bank)
    bank.call(bank.modem(1).reset)
    with port_on(bank, work):
        eventually(lambda: not work.kept)
    assert work.stored_states == [StoredState.GONE]


def test_a_part_without_a_known_place_is_found_by_its_text_and_nothing_else_is_deleted(bank: Bank) -> None:
    put(bank, part(5, "a draft of somebody's"), Status.UNSENT)
    put(bank, part(1), Status.UNSENT)
    elsewhere = put(bank, part(6, "another draft"), Status.UNSENT)
    work = RecordingWork()
    work.kept = [
        Kept(part(1), None, settled=True, unsure_s=0.0),
        Kept(part(2, "mine"), elsewhere, settled=False, unsure_s=0.0),  # another part is there now
    ]
    as_left(bank)
    with port_on(bank, work):
        eventually(lambda: not work.kept)
        eventually(lambda: work.claims)
    assert (work.stored_states, bank.stored(1), texts(bank)) == ([StoredState.GONE], [2, 2], [])
    assert work.texts == []


def test_nothing_is_sent_while_the_gateway_can_store_nothing(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work, **STORING) as port:
        eventually(lambda: work.state is PortState.UP and work.claims)
        bank.hold(1, "+CMGW", answer=True)
        work.give(stored_part(1))
        port.wake()
        eventually(lambda: bank.stored(1) == [2])
        work.full.set()
        bank.release(1)
        refusals = work.refusals
        eventually(lambda: work.refusals > refusals)
        work.full.clear()
        eventually(lambda: work.outcomes)
        eventually(lambda: bank.stored(1) == [])
    assert isinstance(work.results[0], Refused)
    assert texts(bank) == []


# Parts that are submitted directly


def test_an_answer_after_the_time_limit_is_reported() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work):
        eventually(lambda: work.claims)
        modem.say(b"\r\n+CMGS: 9\r\n\r\nOK\r\n")
        eventually(lambda: work.late == [9])


def test_the_port_waits_for_a_modem_that_is_busy_with_an_older_message() -> None:
    def end(modem: ScriptedModem) -> None:
        modem.answers["AT"] = modem.answers["ATQ0V1E0"] = b"\r\nOK\r\n"
        modem.say(b"\r\n+CMGS: 9\r\n\r\nOK\r\n")

    work = RecordingWork()
    work.busy = 20.0
    silence: list[Script] = [b""] * 7  # more than the port tries
    answers: Answers = {"AT": [*silence, end], "ATQ0V1E0": b""}
    with ScriptedModem(healthy(answers)) as modem, running(modem.device, work):
        eventually(lambda: work.late == [9])
        assert PortState.SICK not in [status.state for status in work.statuses]
