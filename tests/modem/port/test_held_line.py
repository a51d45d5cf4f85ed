"""A line that stayed open while the process restarted is read before any command is sent."""

from __future__ import annotations

import os
import pty
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import PortSettings
from modem.at.serial_port import SerialPort, open_device
from modem.errors import NO_PROMPT
from modem.hardware.device_path import DeviceUnavailableError
from modem.parts import InDoubt, Refused, Submission, Submitted
from modem.port.held_line import HeldLine, LineStore, adopt, unread
from modem.port.interface import Claim
from modem.port.left_line import FULL
from modem.port.port import Port
from modem.port.status import PortState
from modem.port.submission_note import SubmissionNote
from modem.sms.tpdu import Deliver
from modem.timeouts import Timing
from tests.conftest import eventually
from tests.modem.healthy_modem import DELIVER, OK, REPORT, healthy, two_slots
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.scripted_modem import Script, ScriptedModem

QUICK = replace(FAST, kept_s=0.3)
AIRBORNE = part(41)
CLAIM = Claim(41, 1, 41)
TAKEN = b"\r\n+CMGS: 7\r\n\r\nOK\r\n"
CDS = b"\r\n+CDS: 30\r\n" + REPORT.encode() + b"\r\n"


class RecordingLineStore:
    """Keeps descriptors as a service manager does, for the ports of this process."""

    keeps = True

    def __init__(self) -> None:
        self.lines: dict[int, int] = {}
        self.notes: dict[int, int] = {}
        self.dropped: list[int] = []
        self.devices: dict[int, str] = {}

    def take(self, port: int) -> HeldLine:
        line, note = self.lines.get(port), self.notes.get(port)
        return HeldLine(None if line is None else os.dup(line), None if note is None else os.dup(note))

    def keep_line(self, port: int, device: str, fd: int) -> None:
        self.drop_line(port)
        self.lines[port], self.devices[port] = os.dup(fd), device

    def keep_note(self, port: int, fd: int) -> None:
        self.notes[port] = os.dup(fd)

    def drop_line(self, port: int) -> None:
        if port in self.lines:
            os.close(self.lines.pop(port))
            self.dropped.append(port)

    def drop_note(self, port: int) -> None:
        os.close(self.notes.pop(port))

    def close(self) -> None:
        for fd in (*self.lines.values(), *self.notes.values()):
            os.close(fd)

    def left_by_a_process(self, device: str, note: Callable[[SubmissionNote], None] | None = None) -> None:
        """Leave an open line and a note as a killed process does."""
        line = open_device(device, 115_200)
        self.keep_line(1, device, line.fd)
        line.close()  # only this descriptor: the copy keeps the line open
        fd = SubmissionNote.create()
        written = SubmissionNote(fd)
        if note is not None:
            note(written)
        written.close()
        self.keep_note(1, fd)
        os.close(fd)


@pytest.fixture
def line_store() -> Iterator[RecordingLineStore]:
    line_store = RecordingLineStore()
    yield line_store
    line_store.close()


def typed(note: SubmissionNote) -> None:
    note.begin(AIRBORNE)
    note.type()


@contextmanager
def port_on(
    device: str, work: RecordingWork, line_store: LineStore, *, timing: Timing = QUICK, **more: object
) -> Iterator[Port]:
    settings = PortSettings.model_validate({"port": 1, "device": device, **more})
    port = Port(settings, work, submit_timeout_s=1.0, timing=timing, line_store=line_store)
    port.start()
    try:
        yield port
    finally:
        port.stop()
        assert port.join(60)


class Attentive(RecordingWork):
    """Records how many commands the modem had got when a part was settled."""

    def __init__(self, modem: ScriptedModem, *orders: Submission) -> None:
        super().__init__(*orders)
        self.modem = modem
        self.said_before: list[int] = []
        self.busy = 60.0

    def recovered(self, status: object, claim: Claim, result: Submitted | Refused) -> None:
        self.said_before.append(len(self.modem.commands))
        super().recovered(status, claim, result)  # type: ignore[arg-type]


def sent_after_restart(
    line_store: RecordingLineStore, note: Callable[[SubmissionNote], None], unread: bytes
) -> Attentive:
    """Start a port on a line with unread octets, and wait until it has sent a part. Return the record of its calls."""
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, note)
        modem.say(unread)
        work = Attentive(modem, part())
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.results == [Submitted(1)])
    return work


@pytest.mark.parametrize(
    ("kept", "reference"),
    [
        (TAKEN, 7),
        (b"\r\n+CMGS: 6\r\n" + TAKEN, 7),  # the last one before the OK
        (b"\r\n+CSQ: 17,99\r\n" + CDS + b'\r\n+CMGS: 7,"26/11/18,10:00:00+00"\r\n\r\nOK\r\n', 7),
        (b"5\r\n\r\n+CREG: 1\r\n" + TAKEN, 7),  # the octets begin in the middle of a line
        (b"\r\n+CMGS: 7\r\n", 7),
        (b"\r\n+CMSS: 255\r\n\r\nOK\r\n", 255),
    ],
)
def test_an_answer_in_the_kernel_settles_the_part_before_any_command(
    line_store: RecordingLineStore, kept: bytes, reference: int
) -> None:
    work = sent_after_restart(line_store, typed, kept)
    assert work.recoveries == [(CLAIM, Submitted(reference))]
    assert work.said_before == [0]
    assert work.late == []


def test_the_port_waits_for_an_answer_that_is_still_to_come(line_store: RecordingLineStore) -> None:
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, typed)
        work = Attentive(modem)
        with port_on(modem.device, work, line_store, timing=replace(FAST, kept_s=30.0)):
            eventually(lambda: "brought in step" in work.statuses[-1].detail)
            modem.say(TAKEN)
            eventually(lambda: work.recoveries == [(CLAIM, Submitted(7))])
            assert work.said_before == [0]
            eventually(lambda: work.state is PortState.UP)


@pytest.mark.parametrize(
    ("kept", "code"),
    [(b"\r\n+CMS ERROR: 500\r\n", 500), (b"\r\n+CMS ERROR: 1\r\n", 1), (b"\r\nERROR\r\n", None)],
)
def test_a_final_error_refuses_the_part(
    line_store: RecordingLineStore, kept: bytes, code: int | None
) -> None:
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, typed)
        modem.say(kept)
        work = Attentive(modem)
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.state is PortState.UP)
    [(claim, result)] = work.recoveries
    assert claim == CLAIM
    assert isinstance(result, Refused)
    assert result.cause.code == code


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"\r\nOK\r\n",  # it may answer any command
        b"\r\n+CMS ERROR: 332\r\n",  # the network did not answer in time
        b"\r\nRDY\r\n",
        b"\r\nRDY\r\n\r\n+CPIN: READY\r\n\r\nERROR\r\n",
        b"\r\n+CMG",
        b"1\r\n\r\nOK\r\n",
    ],
)
def test_lines_that_settle_nothing_leave_the_part_in_doubt(
    line_store: RecordingLineStore, kept: bytes
) -> None:
    work = sent_after_restart(line_store, typed, kept)
    assert work.recoveries == []


def test_an_error_to_another_command_refuses_nothing(line_store: RecordingLineStore) -> None:
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device)
        modem.say(b"\r\n+CMS ERROR: 321\r\n")
        work = RecordingWork(part())
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.results == [Submitted(1)])
    assert (work.recoveries, work.late) == ([], [])


def test_a_reference_without_a_note_settles_the_doubt_of_its_sim(line_store: RecordingLineStore) -> None:
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device)
        modem.say(TAKEN)
        work = RecordingWork()
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.late == [7])


def test_reports_texts_and_announcements_in_the_kernel_are_handed_over(
    line_store: RecordingLineStore,
) -> None:
    stored = b"\r\n+CMGR: 0,,30\r\n" + DELIVER.encode() + b"\r\n" + OK
    with ScriptedModem(healthy({"AT+CMGR": stored})) as modem:
        line_store.left_by_a_process(modem.device, typed)
        modem.say(CDS + b'\r\n+CMTI: "SM",3\r\n' + TAKEN + b"\r\n+CMT: ,30\r\n" + DELIVER.encode() + b"\r\n")
        work = Attentive(modem)
        with port_on(modem.device, work, line_store):
            eventually(lambda: len(work.reports) == 1 and len(work.texts) == 2)
        assert "AT+CMGR=3" in modem.commands
    assert work.recoveries == [(CLAIM, Submitted(7))]
    assert all(isinstance(text, Deliver) for text in work.texts)


def test_a_modem_that_was_left_at_its_prompt_is_freed_and_sends(line_store: RecordingLineStore) -> None:
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, typed)
        modem.prompt()
        os.write(line_store.lines[1], b"0011000C91")  # half of a PDU
        work = Attentive(modem, part())
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.results == [Submitted(1)])
        assert modem.commands[0] == "ESC"
        assert len(modem.pdus) == 1
    assert work.recoveries == []


@pytest.mark.parametrize("cut", range(3, 13))  # within +CMGS: 123
def test_a_reference_cut_at_the_end_of_the_kernels_buffer_is_not_guessed(
    line_store: RecordingLineStore, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    answer = b"\r\n+CMGS: 123\r\n\r\nOK\r\n"
    chatter = b"\r\n^RSSI: 17\r\n"
    times, rest = divmod(4095 - cut, len(chatter))
    said = chatter * times + b"\r" * rest + answer
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, typed)
        modem.say(said)
        eventually(lambda: unread(line_store.lines[1]) >= FULL)
        work = Attentive(modem, part())
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.results == [Submitted(1)])
    assert work.recoveries == []
    assert "some of it is lost" in caplog.text


@pytest.mark.parametrize("whole", [True, False])
def test_a_pdu_cut_at_the_end_of_the_kernels_buffer_is_no_text(
    line_store: RecordingLineStore, whole: bool
) -> None:
    head = b"\r\n+CMT: ,30\r\n"
    said = b"\r" * (4095 - len(head) - 10) + head + DELIVER.encode() + b"\r\n"
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, typed)
        modem.say(said[2000:] if whole else said)
        eventually(lambda: whole or unread(line_store.lines[1]) >= FULL)
        work = Attentive(modem, part())
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.results == [Submitted(1)])
    assert len(work.texts) == whole


# The note


def begun(note: SubmissionNote) -> None:
    note.begin(AIRBORNE)


def taken(note: SubmissionNote) -> None:
    typed(note)
    note.end(AIRBORNE, Submitted(200))


def test_a_part_whose_pdu_was_not_written_was_not_sent(line_store: RecordingLineStore) -> None:
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, begun)
        work = RecordingWork()
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.recoveries)
    [(claim, result)] = work.recoveries
    assert claim == CLAIM
    assert isinstance(result, Refused)
    assert (result.cause.family, result.cause.code) == ("LOCAL", NO_PROMPT)


def test_an_answer_that_was_read_and_not_stored_settles_the_part_without_the_device(
    line_store: RecordingLineStore, tmp_path: Path
) -> None:
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, taken)
    work = RecordingWork()
    with port_on(str(tmp_path / "gone"), work, line_store):
        eventually(lambda: work.recoveries == [(CLAIM, Submitted(200))])


def test_an_answer_that_cannot_be_stored_now_is_reported_before_the_next_claim(
    line_store: RecordingLineStore,
) -> None:
    work = RecordingWork(part())
    work.full.set()
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, taken)
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.refusals >= 1)
            work.full.clear()
            eventually(lambda: work.results == [Submitted(1)])
    assert work.recoveries == [(CLAIM, Submitted(200))]


def test_an_answer_that_cannot_be_stored_is_left_to_the_next_process(line_store: RecordingLineStore) -> None:
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, typed)
        modem.say(TAKEN)
        work = RecordingWork()
        work.full.set()
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.refusals >= 1)
        again = RecordingWork()
        with port_on(modem.device, again, line_store):
            eventually(lambda: again.recoveries == [(CLAIM, Submitted(7))])
    assert work.recoveries == []


def test_the_note_follows_a_part_and_is_empty_once_that_is_settled(line_store: RecordingLineStore) -> None:
    seen: list[object] = []

    def look(modem: ScriptedModem) -> None:
        note = SubmissionNote(line_store.notes[1])
        seen.append(note.read())
        note.close()
        modem.take()

    def ask(modem: ScriptedModem) -> None:
        note = SubmissionNote(line_store.notes[1])
        seen.append(note.read())
        note.close()
        modem.prompt()

    work = RecordingWork(part(5))
    with (
        ScriptedModem(healthy({"AT+CMGS": ask, "PDU": look})) as modem,
        port_on(modem.device, work, line_store),
    ):
        eventually(lambda: work.results == [Submitted(1)])
        note = SubmissionNote(line_store.notes[1])
        eventually(lambda: note.read() is None)
        note.close()
    assert [(noted.claim, noted.phase.name) for noted in seen if noted] == [  # type: ignore[attr-defined]
        (Claim(5, 1, 5), "BEGUN"),
        (Claim(5, 1, 5), "TYPED"),
    ]


def test_a_part_in_doubt_stays_in_the_note(line_store: RecordingLineStore) -> None:
    work = RecordingWork(part(5))
    work.full.clear()

    def silent(modem: ScriptedModem) -> None:
        work.full.set()  # the doubt cannot be stored

    with ScriptedModem(healthy({"PDU": silent})) as modem:
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.refusals > 0)
        note = SubmissionNote(line_store.notes[1])
        noted = note.read()
        note.close()
    assert noted is not None
    assert (noted.claim.message_id, noted.phase.name) == (5, "DOUBT")
    assert not any(isinstance(result, InDoubt) for result in work.results)


@pytest.mark.parametrize(
    ("answer", "code"), [(b"\r\n+CMGS: 9\r\n\r\nOK\r\n", None), (b"\r\n+CMS ERROR: 38\r\n", 38)]
)
def test_an_answer_stays_in_the_note_until_it_is_stored(
    line_store: RecordingLineStore, answer: bytes, code: int | None
) -> None:
    work = RecordingWork(part(5))

    def take(modem: ScriptedModem) -> None:
        work.full.set()
        modem.say(answer)

    with ScriptedModem(healthy({"PDU": take})) as modem, port_on(modem.device, work, line_store):
        eventually(lambda: work.refusals > 0)
    note = SubmissionNote(line_store.notes[1])
    noted = note.read()
    note.close()
    assert noted is not None
    if code is None:
        assert noted.result == Submitted(9)
    else:
        assert isinstance(noted.result, Refused)
        assert noted.result.cause.code == code


def having_read(data: bytes) -> Callable[[SubmissionNote], None]:
    """Leave a note with these octets, as a process does that was killed after reading and before sorting them."""

    def write(note: SubmissionNote) -> None:
        typed(note)
        reader, writer = os.pipe()
        os.write(writer, data)
        note.hear(reader, 4096)
        os.close(reader)
        os.close(writer)

    return write


@pytest.mark.parametrize("cut", [0, 1, 5, 9, 11, 14, len(TAKEN)])
def test_octets_that_were_read_and_not_sorted_continue_with_those_in_the_kernel(
    line_store: RecordingLineStore, cut: int
) -> None:
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, having_read(CDS + TAKEN[:cut]))
        modem.say(TAKEN[cut:])
        work = Attentive(modem)
        with port_on(modem.device, work, line_store):
            eventually(lambda: len(work.reports) == 1)
    assert work.recoveries == [(CLAIM, Submitted(7))]
    assert work.said_before == [0]


def test_octets_that_were_read_and_not_sorted_count_on_a_new_line_too(
    line_store: RecordingLineStore, tmp_path: Path
) -> None:
    link = tmp_path / "modem"
    with ScriptedModem(healthy()) as old, ScriptedModem(healthy()) as new:
        link.symlink_to(old.device)
        line_store.left_by_a_process(str(link), having_read(TAKEN + b"\r\n+CMGS: "))
        link.unlink()
        link.symlink_to(new.device)
        work = Attentive(new)
        with port_on(str(link), work, line_store):
            eventually(lambda: work.recoveries == [(CLAIM, Submitted(7))])


def doubted(note: SubmissionNote) -> None:
    typed(note)
    note.end(AIRBORNE, InDoubt("silence"))


@pytest.mark.parametrize(("kept", "settles"), [(b"\r\n+CMS ERROR: 321\r\n", False), (TAKEN, True)])
def test_a_part_past_its_time_limit_is_settled_by_its_reference_only(
    line_store: RecordingLineStore, kept: bytes, settles: bool
) -> None:
    work = sent_after_restart(line_store, doubted, kept)
    assert work.recoveries == ([(CLAIM, Submitted(7))] if settles else [])


# The line


def test_a_line_that_stays_open_keeps_unread_octets() -> None:
    with ScriptedModem() as modem:
        line = open_device(modem.device, 115_200)
        kept = os.dup(line.fd)
        modem.say(b"\r\n+CMTI: 1\r\n")
        eventually(lambda: unread(kept))
        line.leave()
        assert os.read(kept, 100) == b"\r\n+CMTI: 1\r\n"
        os.close(kept)


def test_a_stopped_port_leaves_its_line_open_and_the_next_port_reads_what_came(
    line_store: RecordingLineStore,
) -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem:
        with port_on(modem.device, work, line_store):
            eventually(lambda: work.state is PortState.UP)
        assert line_store.dropped == []
        with pytest.raises(DeviceUnavailableError):
            open_device(modem.device, 115_200)  # this process still holds the lock
        modem.say(CDS)
        commands = len(modem.commands)
        with port_on(modem.device, work, line_store):
            eventually(lambda: len(work.reports) == 1)
        assert modem.commands[commands] == "ESC"
    assert work.statuses[-1].state is PortState.STOPPED


def test_a_line_to_another_device_is_dropped(line_store: RecordingLineStore, tmp_path: Path) -> None:
    link = tmp_path / "modem"
    work = RecordingWork(part())
    with ScriptedModem(healthy()) as old, ScriptedModem(healthy()) as new:
        link.symlink_to(old.device)
        line_store.left_by_a_process(str(link), typed)
        old.say(TAKEN)
        link.unlink()
        link.symlink_to(new.device)
        with port_on(str(link), work, line_store):
            eventually(lambda: work.results == [Submitted(1)])
            assert len(new.pdus) == 1
        assert old.commands == []
    assert work.recoveries == []
    assert line_store.dropped == [1]


def test_a_line_that_was_hung_up_is_opened_again(line_store: RecordingLineStore, tmp_path: Path) -> None:
    link = tmp_path / "modem"
    work = RecordingWork(part())
    with ScriptedModem(healthy()) as old:
        link.symlink_to(old.device)
        line_store.left_by_a_process(str(link))
    with ScriptedModem(healthy()) as new:
        link.unlink()
        link.symlink_to(new.device)
        with port_on(str(link), work, line_store):
            eventually(lambda: work.results == [Submitted(1)])


def test_a_lost_device_is_dropped_and_its_successor_kept(
    line_store: RecordingLineStore, tmp_path: Path
) -> None:
    link = tmp_path / "modem"
    work = RecordingWork()
    with ScriptedModem(healthy()) as old:
        link.symlink_to(old.device)
        with port_on(str(link), work, line_store):
            eventually(lambda: work.state is PortState.UP)
            old.close()
            eventually(lambda: work.state is PortState.ABSENT and line_store.lines == {})
            with ScriptedModem(healthy()) as new:
                link.unlink()
                link.symlink_to(new.device)
                eventually(lambda: work.state is PortState.UP and line_store.lines)
                assert os.fstat(line_store.lines[1]).st_rdev == os.stat(new.device).st_rdev


def test_a_line_is_adopted_only_as_it_is_configured_and_lockable() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    device = os.ttyname(slave)
    os.close(slave)
    line = open_device(device, 9600)
    kept = os.dup(line.fd)
    line.leave()
    assert adopt(kept, device, 115_200, rtscts=False) is None
    assert adopt(kept, device, 9600, rtscts=True) is None
    port = adopt(kept, device, 9600, rtscts=False)
    assert isinstance(port, SerialPort)
    port.close()
    os.close(master)


def test_a_line_that_another_program_has_locked_is_not_adopted() -> None:
    with ScriptedModem() as modem:
        line = open_device(modem.device, 115_200)
        kept = os.dup(line.fd)
        line.close()  # and releases the lock although the other descriptor is open
        other = open_device(modem.device, 115_200)
        assert adopt(kept, modem.device, 115_200, rtscts=False) is None
        other.close()
        again = adopt(kept, modem.device, 115_200, rtscts=False)
        assert again is not None
        again.close()


def test_with_slots_a_report_in_the_kernel_belongs_to_the_sim_that_was_active(
    line_store: RecordingLineStore,
) -> None:
    reported: list[str] = []

    class Sorting(RecordingWork):
        def reported(self, status: object, report: object) -> None:
            reported.append(status.active.iccid)  # type: ignore[attr-defined]
            super().reported(status, report)  # type: ignore[arg-type]

    work = Sorting()
    with ScriptedModem(two_slots()) as modem:
        modem.answers["AT+CCID"] = b"\r\n+CCID: 8922301000000000011\r\n" + OK  # slot 1 is active
        line_store.left_by_a_process(modem.device)
        modem.say(CDS)
        with port_on(modem.device, work, line_store, slots=2):
            eventually(lambda: reported)
            assert work.statuses[-1].active_slot == 2
    assert reported == ["8922301000000000011"]


def test_with_a_pin_octets_in_the_kernel_are_read_too(line_store: RecordingLineStore) -> None:
    def unlock(modem: ScriptedModem) -> None:
        modem.answers["AT+CPIN?"] = b"\r\n+CPIN: READY\r\n" + OK
        modem.say(OK)

    answers: dict[str, Script | list[Script]] = {
        "AT+CPIN?": b"\r\n+CPIN: SIM PIN\r\n" + OK,
        "AT+CPIN": unlock,
    }
    with ScriptedModem(healthy(answers)) as modem:
        line_store.left_by_a_process(modem.device, typed)
        modem.say(TAKEN + CDS)
        work = Attentive(modem)
        with port_on(modem.device, work, line_store, pin="1234"):
            eventually(lambda: len(work.reports) == 1)
    assert work.recoveries == [(CLAIM, Submitted(7))]


def test_no_descriptor_is_left_behind(line_store: RecordingLineStore) -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem:
        line_store.left_by_a_process(modem.device, typed)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            with port_on(modem.device, work, line_store):
                eventually(lambda: work.state is PortState.UP)
            work.statuses.clear()
        assert len(os.listdir("/proc/self/fd")) == before
