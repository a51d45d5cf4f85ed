"""Inbound messages through simulated modems of every make: each once, none lost, none left in the modem."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modem.parts import Submitted
from modem.port.interface import Unreadable
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig
from modem.simulator.core.storage import Status, Stored
from modem.simulator.personality import PERSONALITIES
from modem.sms.segmentation import join
from modem.sms.tpdu import Deliver, ReportKind
from tests.conftest import eventually
from tests.modem.recording_work import RecordingWork, part
from tests.modem.running_port import port_on

MAKES = sorted(
    PERSONALITIES.keys() - {"q2406", "plain-keeps-reference"}
)  # without a slow make and one that equals another
LONG = "Où êtes-vous ? 😀 " * 12
DELIVER = "040B912273060000F00000621181116034000AC8329BFD06DDDF723619"


@contextmanager
def bank_of(path: Path, make: str, storage: int = 20) -> Iterator[Bank]:
    """A bank with one modem of a make, and a plain one."""
    config = BankConfig(
        path / "bank", ports=2, personality_of={1: make}, time_scale=0.02, storage=storage, delivery_s=0.5
    )
    with Bank(config) as bank:
        yield bank


@contextmanager
def receiving(bank: Bank) -> Iterator[RecordingWork]:
    """A running port on the first modem, with a RecordingWork that records the messages."""
    work = RecordingWork()
    with port_on(bank, work):
        yield work


def texts(work: RecordingWork) -> list[tuple[str, str]]:
    """Return sender and text of all messages, with their parts joined."""
    whole: list[tuple[str, str]] = []
    parts: dict[int, Deliver] = {}
    for text in work.texts:
        if isinstance(text, Unreadable):
            continue
        if text.concat is None:
            whole.append((text.sender, text.text))
            continue
        parts[text.concat.seq] = text
        if len(parts) == text.concat.total:
            whole.append((text.sender, join(parts[seq].text for seq in sorted(parts))))
            parts.clear()
    return whole


def raw(work: RecordingWork) -> list[str]:
    """Return the PDUs that could not be read."""
    return [text.pdu for text in work.texts if isinstance(text, Unreadable)]


def left_behind(bank: Bank) -> int:
    """Return the content of all memories of the first modem."""
    modem = bank.modem(1)
    return bank.call(
        lambda: sum(storage.used for storage in (bank.slots(1)[0].storage, *modem.own_memories.values()))
    )


@pytest.mark.parametrize("make", MAKES)
def test_every_message_is_handed_over_once_and_deleted(tmp_path: Path, make: str) -> None:
    waiting = [("+22376000003", f"text {number}") for number in range(6)]  # twice what the memory holds
    sent = [("OrangeMoney", "Vous avez reçu 500 FCFA"), ("+22376000001", LONG), ("36111", "ok")]
    broken = ("04FF", "040B912273060000F00008621181116034008C0041", "04")
    with bank_of(tmp_path, make, storage=3) as bank:
        for storage in bank.modem(1).own_memories.values():
            storage.capacity = 3
        for sender, text in waiting:
            bank.incoming(1, sender, text)
        with receiving(bank) as work:
            eventually(lambda: work.state is PortState.UP)
            for sender, text in sent:
                bank.incoming(1, sender, text)
            for tpdu in broken:
                bank.incoming_pdu(1, tpdu)
            card = bank.slots(1)[0]
            bank.call(lambda: bank.network.incoming(card, "+22376000002", "Flash", dcs=0x10))
            expected = sorted([*waiting, *sent, ("+22376000002", "Flash")])
            eventually(lambda: sorted(texts(work)) == expected and len(raw(work)) == len(broken))
            eventually(lambda: left_behind(bank) == 0)
            assert sorted(texts(work)) == expected
            for tpdu in broken:
                assert sum(pdu.endswith(f"F9{tpdu}") for pdu in raw(work)) == 1  # as it came, with its SMSC


@pytest.mark.parametrize("make", ["ec25", "mf190", "q2406"])
def test_texts_that_came_while_no_port_ran_are_found_in_every_memory(tmp_path: Path, make: str) -> None:
    with bank_of(tmp_path, make) as bank:
        pdu = bytes([0]) + bytes.fromhex(DELIVER)
        report = bytes.fromhex("0006070B912273060000F0621181116034006211811160540000")

        def leave() -> None:
            bank.slots(1)[0].storage.put(Stored(Status.UNREAD, pdu))
            bank.slots(1)[0].storage.put(Stored(Status.READ, pdu))
            for name, storage in bank.modem(1).own_memories.items():
                storage.put(Stored(Status.READ, report if name == "SR" else pdu, is_report=name == "SR"))

        bank.call(leave)
        names = set(bank.modem(1).own_memories)
        listed = set(bank.modem(1).traits.storage[0])
        with receiving(bank) as work:
            eventually(lambda: len(work.texts) == 2 + len(names & listed & {"ME"}))
            eventually(lambda: len(work.reports) == len(names & listed & {"SR"}))
            eventually(lambda: bank.call(lambda: bank.slots(1)[0].storage.used) == 0)


@pytest.mark.parametrize("make", ["ec25", "m6280", "sim800"])
def test_reports_are_received_in_every_form_that_modems_send(tmp_path: Path, make: str) -> None:
    with bank_of(tmp_path, make) as bank:
        work = RecordingWork(*(part(number, f"text {number}", bank.number(2)) for number in range(3)))
        with port_on(bank, work):
            eventually(lambda: len(work.reports) == 3)
        assert {report.kind for report in work.reports} == {ReportKind.DELIVERED}
        references = [result.reference for result in work.results if isinstance(result, Submitted)]
        assert sorted(report.reference for report in work.reports) == sorted(
            reference for reference in references if reference is not None
        )
