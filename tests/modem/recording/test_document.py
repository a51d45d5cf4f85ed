"""The file of a recording: what is no recording gets a clear error, and nothing else happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.recording import document
from modem.recording.document import Recording, RecordingError
from modem.simulator import recorded

GOOD: dict[str, Any] = {
    "format": document.FORMAT,
    "version": 1,
    "source": {"kind": "published", "by": "a manual", "date": "2026-11-30", "references": ["page 12"]},
    "modem": {"manufacturer": "Maker", "model": "Model"},
    "make": "plain",
    "exchanges": [
        {"ask": "AT\r", "say": [[0, "\r\nOK\r\n"]]},
        {"ask": "AT+CGMI\r", "say": [[1, "\r\nMaker\r\n"], [2, "\r\nOK\r\n"]]},
    ],
}


def test_a_recording_is_the_same_after_it_was_written_and_read() -> None:
    recording = document.parse(json.dumps(GOOD).encode())
    assert document.parse(document.text_of(recording).encode()) == recording


def test_the_text_has_a_line_for_each_exchange() -> None:
    text = document.text_of(document.parse(json.dumps(GOOD).encode()))
    assert sum('"ask"' in line for line in text.splitlines()) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "another"}, "is no recording"),
        ({"version": 2}, "a newer gatewayd"),
        ({"version": "1"}, "version"),
        ({"make": "../../etc"}, "make"),
        ({"exchanges": [{"ask": "AT\n", "say": []}]}, "exchanges.0.ask"),
        ({"exchanges": [{"ask": "AT\r", "say": [[-1, "OK"]]}]}, "exchanges.0.say.0"),
        ({"exchanges": [{"ask": "AT\r", "say": [[0, "\u20ac"]]}]}, "ISO 8859-1"),
        ({"exchanges": [{"ask": "AT\r", "say": [[0, "x" * 9000]]}]}, "exchanges.0.say.0"),
        ({"exchanges": [{"ask": "AT\r", "say": [[10**9, "OK"]]}]}, "exchanges.0.say.0"),
        ({"exchanges": [{"ask": "AT\r", "say": []}] * 2001}, "exchanges"),
        ({"slots": 1000}, "slots"),
        ({"surprise": 1}, "surprise"),
        ({"modem": None}, "modem"),
    ],
)
def test_a_fault_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RecordingError, match=words.replace(".", r"\.")):
        document.parse(json.dumps(GOOD | change).encode())


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"[" * 100_000, b"{}", b"null", b'"' + b"x" * (1 << 20) + b'"']
)
def test_what_is_no_recording_gets_a_clear_error(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(raw)
    with pytest.raises(RecordingError, match=r"file\.json: "):
        document.read(path)


def test_a_missing_file_and_a_folder_get_a_clear_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(RecordingError, match="cannot be read"):
            document.read(path)


@given(st.binary(max_size=300))
def test_any_bytes_raise_the_documented_error_or_are_a_recording(raw: bytes) -> None:
    try:
        document.parse(raw)
    except RecordingError:
        return


OCTETS = st.text(alphabet=st.characters(max_codepoint=255), max_size=60)
COMMANDS = st.one_of(
    st.sampled_from(
        [
            "AT+CPMS=?\r",
            "AT+CNMI=?\r",
            "AT+CMGW=1\r",
            "AT+CPMS?\r",
            "AT+GATEWAYD\r",
            "00\x1a",
            "\x1a",
            "AT\r",
            "\r",
        ]
    ),
    OCTETS.map(lambda text: text.replace("\r", "").replace("\n", "").replace("\x1a", "") + "\r"),
)
EXCHANGES = st.fixed_dictionaries(
    {"ask": COMMANDS, "say": st.lists(st.tuples(st.integers(0, 600_000), OCTETS), max_size=4)}
)


@given(st.lists(EXCHANGES, max_size=8), st.lists(st.tuples(st.integers(0, 600_000), OCTETS), max_size=3))
def test_any_valid_recording_can_be_played(
    exchanges: list[dict[str, Any]], boot: list[tuple[int, str]]
) -> None:
    recording = Recording.model_validate(GOOD | {"exchanges": exchanges, "boot": boot})
    made = recorded.personality(recording)
    assert made.playback is not None
    assert len(made.traits.memories_at_start) == 3


def test_an_unknown_make_is_named() -> None:
    with pytest.raises(RecordingError, match="make 'nokia'"):
        recorded.personality(document.parse(json.dumps(GOOD | {"make": "nokia"}).encode()))
