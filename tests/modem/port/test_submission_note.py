"""The note of the part being submitted that one process leaves for the next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.errors import cause
from modem.parts import InDoubt, Refused, Submitted
from modem.port.interface import Claim
from modem.port.submission_note import Noted, Phase, SubmissionNote
from tests.modem.recording_work import part


@pytest.fixture
def fd() -> Iterator[int]:
    fd = SubmissionNote.create()
    yield fd
    os.close(fd)


def again(fd: int) -> Noted | None:
    """Return what the next process reads from the note."""
    note = SubmissionNote(fd)
    try:
        return note.read()
    finally:
        note.close()


def test_an_empty_note_holds_no_part(fd: int) -> None:
    assert again(fd) is None


@given(st.integers(1, 1 << 62), st.integers(1, 255), st.integers(1, 1 << 40), st.none() | st.integers(0, 255))
def test_each_phase_is_read_by_the_next_process(
    message: int, seq: int, token: int, reference: int | None
) -> None:
    fd = SubmissionNote.create()
    submission = replace(part(), message_id=message, seq=seq, token=token)
    claim = Claim(message, seq, token)
    note = SubmissionNote(fd)
    note.begin(submission)
    assert again(fd) == Noted(claim, Phase.BEGUN)
    note.type()
    assert again(fd) == Noted(claim, Phase.TYPED)
    note.end(submission, InDoubt("silence"))
    assert again(fd) == Noted(claim, Phase.DOUBT)
    note.end(submission, Submitted(reference))
    assert again(fd) == Noted(claim, Phase.SUBMITTED, Submitted(reference))
    note.clear()
    assert again(fd) is None
    note.close()
    os.close(fd)


@pytest.mark.parametrize(
    ("family", "code", "vendor"),
    [("CMS", 500, ""), ("CMS", 515, "quectel"), ("CME", 0, ""), ("ERROR", None, "simcom"), ("LOCAL", 3, "")],
)
def test_a_refusal_is_read_with_its_cause(fd: int, family: str, code: int | None, vendor: str) -> None:
    why = cause(family, code, vendor=vendor)
    note = SubmissionNote(fd)
    note.begin(part(3))
    note.end(part(3), Refused(why), vendor)
    note.close()
    assert again(fd) == Noted(Claim(3, 1, 3), Phase.REFUSED, Refused(why))


def test_octets_that_are_read_after_the_pdu_are_in_the_note(fd: int) -> None:
    reader, writer = os.pipe()
    note = SubmissionNote(fd)

    def heard(data: bytes) -> bytes:
        os.write(writer, data)
        assert note.hear(reader, 4096) == data
        noted = again(fd)
        return noted.heard if noted else b""

    assert heard(b"+CSQ: 17,99") == b""
    note.begin(part(3))
    assert heard(b"> ") == b""
    note.type()
    assert heard(b"\r\n+CMS ERR") == b"\r\n+CMS ERR"
    assert heard(b"OR: 314\r\n") == b"\r\n+CMS ERROR: 314\r\n"
    note.type()  # second try
    assert heard(b"\r\n+CMGS: 7\r\n") == b"\r\n+CMGS: 7\r\n"
    assert heard(b"x" * 4000) == b"\r\n+CMGS: 7\r\n" + b"x" * 4000
    os.write(writer, b"y" * 4000)
    assert (
        b"".join(note.hear(reader, 4096) for _ in range(2)) == b"y" * 4000
    )  # more than the note has room for
    note.end(part(3), Submitted(7))
    assert heard(b"OK") == b""
    note.close()
    os.close(reader)
    os.close(writer)


def test_only_a_part_that_was_begun_becomes_typed(fd: int) -> None:
    note = SubmissionNote(fd)
    note.type()  # as an older version did for a part in a modem's memory
    assert note.read() is None
    note.close()


@given(st.binary(max_size=200))
def test_any_content_is_read_without_an_error(data: bytes) -> None:
    fd = os.memfd_create("other")
    os.write(fd, data)
    again(fd)
    os.close(fd)


def test_a_descriptor_that_is_no_file_is_refused() -> None:
    reader, writer = os.pipe()
    with pytest.raises((OSError, ValueError)):
        SubmissionNote(reader)
    os.close(reader)
    os.close(writer)
