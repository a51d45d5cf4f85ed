"""Text after a prompt is echoed, corrected and cut as a modem does it."""

from __future__ import annotations

import pytest

from modem.simulator.core.text_entry import TextEntry, end_of_text


def entered(*octets: bytes, is_text: bool = True, limit: int = 100) -> bytes:
    """The text after these octets."""
    found: list[bytes] = []
    entry = TextEntry(found.append, is_text=is_text, limit=limit)
    for each in octets:
        entry.add(each)
    entry.finish()
    return found[0]


def test_a_backspace_deletes_in_text_mode_alone() -> None:
    assert entered(b"helo", b"\x08lo") == b"hello"
    assert entered(b"\x08a") == b"a"
    assert entered(b"00\x0811", is_text=False) == b"00\x0811"


def test_one_octet_more_than_the_limit_is_kept() -> None:
    assert entered(b"abc", b"def", limit=4) == b"abcde"


@pytest.mark.parametrize(
    ("is_text", "enabled", "echoed"),
    [
        (True, True, b"a\r\n> b"),
        (True, False, b"\r\n> "),
        (False, True, b"a\rb"),
        (False, False, b""),
    ],
)
def test_a_new_line_of_a_text_is_prompted_for(is_text: bool, enabled: bool, echoed: bytes) -> None:
    assert TextEntry(print, is_text=is_text, limit=10).echo(b"a\rb", enabled=enabled) == echoed


@pytest.mark.parametrize(
    ("data", "end"),
    [(b"ab", (2, None)), (b"ab\x1ac\x1b", (2, 0x1A)), (b"\x1bab\x1a", (0, 0x1B)), (b"", (0, None))],
)
def test_the_first_of_ctrl_z_and_escape_ends_the_text(data: bytes, end: tuple[int, int | None]) -> None:
    assert end_of_text(data) == end
