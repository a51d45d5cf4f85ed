"""Read code blocks, shell commands and headings from the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and the heading above it."""

    heading: str
    language: str
    text: str


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a document, in order."""
    text = (DOCS / document).read_text(encoding="utf-8")
    return [
        Block(_heading_before(text, found.start()), found[1], found[2]) for found in _FENCE.finditer(text)
    ]


def headings(document: str) -> list[tuple[int, str]]:
    """Level and text of each heading, in order."""
    text = _FENCE.sub("", (DOCS / document).read_text(encoding="utf-8"))
    return [(len(found[1]), found[2]) for found in _HEADING.finditer(text)]


def program(document: str, heading: str, language: str) -> str:
    """All blocks of a language under one heading, joined to one program."""
    found = [
        block.text for block in blocks(document) if block.heading == heading and block.language == language
    ]
    assert found, f"{document} has no {language} under {heading}"
    return "\n".join(found)


def shell_lines(text: str) -> Iterator[str]:
    """The commands of a shell block, one a line, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        command = re.sub(r"(^|\s+)#( .*|$)", "", line).strip()
        if command:
            yield command


def _heading_before(text: str, position: int) -> str:
    *_, last = _HEADING.finditer(_FENCE.sub(lambda found: "\n" * len(found[0]), text[:position]))
    return last[2]
