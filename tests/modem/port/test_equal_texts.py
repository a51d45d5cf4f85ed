"""Equal texts: two in one memory, and one that the modem does not delete."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from modem.port.conditions import Condition
from modem.port.interface import Unreadable
from modem.port.status import PortState
from modem.sms.tpdu import Deliver
from tests.conftest import eventually
from tests.modem.healthy_modem import OK, Answers, healthy
from tests.modem.recording_work import FAST, RecordingWork
from tests.modem.running_port import running
from tests.modem.scripted_modem import ScriptedModem

HEAD, TAIL = "07912223010000F0{}0B912232547698F00000", "0AC8329BFD06DDDF723619"
DATED = HEAD.format("04") + "62801101010100" + TAIL
MORE_TO_COME = HEAD.format("00") + "62801101010100" + TAIL  # the same, with TP-MMS: more messages wait
DATELESS = HEAD.format("04") + "00000000000000" + TAIL
OTHER = HEAD.format("04") + "62801101010200" + TAIL
GARBLED = "07912223010000F004"


@dataclass
class Memory:
    """The stored texts of a modem, by index."""

    lies: dict[int, str]
    deletes: bool = True
    order: list[str] = field(default_factory=list)  # the commands about messages

    def answers(self) -> Answers:
        return healthy({"AT+CMGL": self.list_all, "AT+CMGR": self.read, "AT+CMGD": self.delete})

    def list_all(self, modem: ScriptedModem) -> None:
        rows = "".join(f"\r\n+CMGL: {index},1,,30\r\n{pdu}" for index, pdu in self.lies.items())
        modem.say(rows.encode() + b"\r\n" + OK)

    def read(self, modem: ScriptedModem) -> None:
        index = int(modem.commands[-1].partition("=")[2])
        self.order.append(f"read {index}")
        pdu = self.lies.get(index)
        modem.say(
            b"\r\n+CMS ERROR: 321\r\n" if pdu is None else f"\r\n+CMGR: 1,,30\r\n{pdu}\r\n".encode() + OK
        )

    def delete(self, modem: ScriptedModem) -> None:
        index = int(modem.commands[-1].partition("=")[2])
        self.order.append(f"delete {index}")
        if self.deletes:
            self.lies.pop(index, None)
        modem.say(OK if self.deletes else b"\r\n+CMS ERROR: 500\r\n")


class Ordered(RecordingWork):
    """Records the order in which texts are stored and deleted."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self.memory = memory

    def received(self, status: object, text: Deliver | Unreadable) -> None:
        super().received(status, text)  # type: ignore[arg-type]
        self.memory.order.append("keep")


def copies(work: RecordingWork) -> list[int]:
    return [text.copy for text in work.texts if isinstance(text, Deliver)]


def conditions(work: RecordingWork) -> tuple[Condition, ...]:
    return work.statuses[-1].conditions if work.statuses else ()


@pytest.mark.parametrize("second", [DATED, MORE_TO_COME])
def test_equal_texts_in_one_listing_are_numbered_and_deleted_when_all_are_stored(second: str) -> None:
    memory = Memory({1: DATED, 2: OTHER, 3: second})
    work = Ordered(memory)
    with ScriptedModem(memory.answers()) as modem, running(modem.device, work):
        eventually(lambda: not memory.lies)
    assert copies(work) == [0, 1, 0]
    last_looks = ["read 1", "delete 1", "read 3", "delete 3"]  # each is read again before it is deleted
    assert memory.order == ["keep", "keep", *last_looks, "keep", "read 2", "delete 2"]


def test_equal_texts_that_are_announced_together_are_numbered() -> None:
    memory = Memory({})
    work = Ordered(memory)
    timing = replace(FAST, list_s=600.0)
    with ScriptedModem(memory.answers()) as modem, running(modem.device, work, timing=timing):
        eventually(lambda: work.state is PortState.UP and work.claims)
        memory.lies.update({4: DATED, 5: DATED})
        modem.say(b'\r\n+CMTI: "SM",4\r\n\r\n+CMTI: "SM",5\r\n')
        eventually(lambda: not memory.lies)
        memory.lies[4] = DATED  # a text after the deletion may be a repetition by the network
        modem.say(b'\r\n+CMTI: "SM",4\r\n')
        eventually(lambda: not memory.lies)
    assert copies(work) == [0, 1, 0]
    kept = ["read 4", "read 5", "keep", "keep"]
    assert memory.order[:8] == [*kept, "read 4", "delete 4", "read 5", "delete 5"]


def test_a_text_beside_an_equal_one_that_cannot_be_deleted_is_another() -> None:
    memory = Memory({1: DATED}, deletes=False)
    work = RecordingWork()
    with ScriptedModem(memory.answers()) as modem, running(modem.device, work):
        eventually(lambda: Condition.DELETION_REFUSED in conditions(work))
        memory.lies[2] = DATED
        modem.say(b'\r\n+CMTI: "SM",2\r\n')
        eventually(lambda: len(work.texts) == 2)
        memory.deletes = True
        eventually(lambda: not memory.lies)
        eventually(lambda: Condition.DELETION_REFUSED not in conditions(work))
    assert copies(work) == [0, 1]


def test_the_deletion_of_a_text_without_a_date_is_reported() -> None:
    memory = Memory({1: DATELESS, 2: DATED}, deletes=False)
    work = RecordingWork()
    with ScriptedModem(memory.answers()) as modem, running(modem.device, work):
        eventually(lambda: len(work.texts) == 2)
        eventually(lambda: modem.commands.count("AT+CMGD=1") > 1)
        assert work.deletions == []
        memory.deletes = True
        eventually(lambda: not memory.lies)
        eventually(lambda: work.deletions)
    assert work.deletions == [work.texts[0]]


def test_a_deletion_that_cannot_be_stored_is_reported_later() -> None:
    memory = Memory({1: DATELESS})

    class Filling(Ordered):
        def deleted(self, status: object, text: Deliver) -> None:
            if not self.refusals:
                self.full.set()
            super().deleted(status, text)  # type: ignore[arg-type]

    work = Filling(memory)
    with ScriptedModem(memory.answers()) as modem, running(modem.device, work):
        eventually(lambda: work.refusals > 0)
        work.full.clear()
        eventually(lambda: work.deletions)
    assert len(work.deletions) == 1


def test_a_direct_text_counts_as_deleted_once_it_is_stored() -> None:
    work = RecordingWork()
    answers = healthy({"AT+CNMI": b"\r\n+CMS ERROR: 303\r\n", "AT+CNMI=2,2,0,1,0": OK})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        for pdu in (DATELESS, DATED):
            modem.say(f"\r\n+CMT: ,30\r\n{pdu}\r\n".encode())
        eventually(lambda: len(work.texts) == 2)
        eventually(lambda: work.deletions)
    assert work.deletions == [work.texts[0]]


def test_an_unreadable_text_is_a_condition_until_the_end() -> None:
    memory = Memory({1: GARBLED})
    work = RecordingWork()
    with ScriptedModem(memory.answers()) as modem, running(modem.device, work):
        eventually(lambda: not memory.lies)
        eventually(lambda: Condition.UNREADABLE_TEXTS in conditions(work))
        assert Condition.DELETION_REFUSED not in conditions(work)
