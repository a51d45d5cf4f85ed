"""The transcript of a port, its watchers, and its copy in the log after a failure."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.at.transcript import Direction, Line, Transcript, Watcher
from modem.port.status import PortState
from tests.conftest import eventually
from tests.modem.healthy_modem import healthy
from tests.modem.recording_work import RecordingWork, part
from tests.modem.running_port import running
from tests.modem.scripted_modem import ScriptedModem


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_the_last_lines_are_kept() -> None:
    transcript = Transcript(4)
    for number in range(10):
        transcript.sent(f"AT+CMGD={number}\r".encode())
        transcript.received(b"\r\nOK\r\n")
    assert texts(transcript.lines()) == [r"AT+CMGD=8\r", r"\r\nOK\r\n", r"AT+CMGD=9\r", r"\r\nOK\r\n"]


def test_endless_noise_takes_no_more_room_than_lines() -> None:
    transcript = Transcript(10)
    transcript.sent(b"AT\r")
    for _ in range(3):
        transcript.received(b"\xfe" * 4000)
    assert not [line for line in transcript.lines() if line.direction is Direction.TO_MODEM]


@given(
    st.integers(0, 8),
    st.lists(
        st.sampled_from(
            [b"AT\r", b"\r\nOK\r\n", b"\r\n> ", b"\r\n+CMGS: 1\r\n\r\nOK\r\n", b"x" * 700, b"y" * 4000]
        ),
        max_size=40,
    ),
)
def test_late_trimming_keeps_the_same_as_immediate_trimming(limit: int, said: list[bytes]) -> None:
    transcript, unlimited = Transcript(limit), Transcript(1000)
    kept: list[bytes] = []
    for data in said:
        transcript.sent(data)
        kept.append(data)
        while (
            sum(each.count(b"\r") or 1 for each in kept) > 2 * limit
            or sum(len(each) + 120 for each in kept) > 512 * limit
        ):
            del kept[0]
    for data in kept:
        unlimited.sent(data)
    assert texts(transcript.lines()) == (texts(unlimited.lines())[-limit:] if limit else [])
    assert texts(transcript.recording().lines()) == texts(transcript.lines())


def test_a_line_in_pieces_is_one_line() -> None:
    transcript = Transcript(10)
    for piece in (b"\r", b"\n+CM", b"GS: 1", b"2\r\n\r\nOK\r\n"):
        transcript.received(piece)
    assert texts(transcript.lines()) == [r"\r\n+CMGS: 12\r\n", r"\r\nOK\r\n"]


def test_a_recording_is_read_later_and_masks_secrets() -> None:
    transcript = Transcript(10)
    assert (transcript.recording().until, transcript.recording().lines()) == (0.0, [])
    transcript.sent(b'AT+CPIN="9753"\r')
    recording = transcript.recording()
    transcript.received(b"\r\nOK\r\n")
    assert len(recording.lines()) == 1
    assert "9753" not in recording.lines()[0].text
    assert transcript.recording().until > recording.until


def test_new_lines_are_returned_once() -> None:
    transcript = Transcript(10)
    transcript.sent(b"AT\r")
    assert texts(transcript.new_lines()) == [r"AT\r"]
    assert transcript.new_lines() == []
    transcript.received(b"\r\nOK\r\n")
    assert texts(transcript.new_lines()) == [r"\r\nOK\r\n"]
    assert len(transcript.lines()) == 2


def test_all_watchers_get_the_recorded_lines_first() -> None:
    transcript, first, second = Transcript(10), Watcher(), Watcher()
    transcript.sent(b"AT\r")
    transcript.watch(first)
    transcript.received(b"\r\nOK\r\n")
    transcript.watch(second)
    transcript.note("port 1 is up: Ready.")
    seen = [r"AT\r", r"\r\nOK\r\n", "port 1 is up: Ready."]
    assert texts(first.take(0)[0]) == texts(second.take(0)[0]) == seen
    transcript.leave(first)
    transcript.sent(b"AT\r")
    assert first.take(0) == ([], True)
    assert texts(second.take(0)[0]) == [r"AT\r"]
    transcript.end()
    assert second.take(0) == ([], False)


def test_a_slow_watcher_loses_lines_and_gets_their_number() -> None:
    transcript, slow, quick = Transcript(10), Watcher(room=3), Watcher()
    transcript.watch(slow)
    transcript.watch(quick)
    for number in range(10):
        transcript.sent(f"AT+CMGD={number}\r".encode())
    assert texts(slow.take(0)[0]) == [rf"AT+CMGD={number}\r" for number in range(3)]
    transcript.sent(b"AT\r")
    left_out, line = slow.take(0)[0]
    assert (left_out.direction, line.text) == (Direction.NOTE, r"AT\r")
    assert left_out.text.startswith("7 lines are left out")
    assert len(quick.take(0)[0]) == 11


def test_watchers_of_a_port_end_with_it() -> None:
    house, watcher, gone = RecordingWork(), Watcher(), Watcher()
    with ScriptedModem(healthy()) as modem, running(modem.device, house) as port:
        eventually(lambda: house.state is PortState.UP)
        port.watch(gone)
        port.leave(gone)
        port.watch(watcher)
        house.give(part(text="Un secret", recipient="+22370123456"))
        port.wake()
        eventually(lambda: house.outcomes)
    seen = list[str]()
    more = True
    while more:
        lines, more = watcher.take(5)
        seen += texts(lines)
    assert r"ATE0V1Q0\r" in seen  # sent before the watcher came
    assert [text for text in seen if text.startswith("(SMS-SUBMIT, ") and text.endswith(" octets)^Z")]
    assert r"\r\n+CMGS: 1\r\n" in seen
    assert seen[-1] == "port 1 is stopped: The port was stopped."
    assert not [text for text in seen if "70123456" in text or "2307214365" in text]
    assert not [text for text in texts(gone.take(0)[0]) if "SUBMIT" in text]
    late = Watcher()
    port.watch(late)
    assert late.take(5) == ([], False)


def test_a_failure_writes_the_transcript_to_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    house = RecordingWork()
    caplog.set_level(logging.WARNING)
    answers = healthy({"AT+CPIN?": b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n", "AT+CPIN": b"\r\nOK\r\n"})
    with ScriptedModem(answers) as modem, running(modem.device, house, pin="7391"):
        eventually(lambda: house.statuses and house.statuses[-1].state is PortState.SICK)
        modem.unplug()
        eventually(lambda: house.state is PortState.ABSENT)
    told = [
        record.getMessage()
        for record in caplog.records
        if "the last lines before the failure" in record.getMessage()
    ]
    assert len(told) == 1
    assert "AT+CPIN=…" in told[0]
    assert "7391" not in caplog.text
