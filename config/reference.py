"""Every setting of one value with its default and its reason, read from the commented configuration beside this file.

The entries of lists, [[ports]] and [[balance]], have no defaults there and are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from config.language.text import Text
from config.settings import EXAMPLE

_SECTION: Final = re.compile(r"\[([a-z_.]+)\]")
_KEY: Final = re.compile(r"([a-z_]+) = (.*)")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `default`: as TOML writes it. `reason`: `tools/catalogues.py` collects it for translation."""

    section: str
    key: str  # "" for a table of free keys, such as [numbers.operators]
    default: str
    reason: Text


@cache
def reference() -> tuple[Setting, ...]:
    """All settings in the order of the file."""
    found, comment, section = list[Setting](), list[str](), ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if header := _SECTION.fullmatch(line):
            section, comment = header[1], []
        elif entry := _KEY.fullmatch(line):
            found.append(Setting(section, entry[1], entry[2], _joined(comment)))
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
        else:
            if "." in section and comment:
                found.append(Setting(section, "", "", _joined(comment)))
            comment = []
    return tuple(found)


def _joined(lines: list[str]) -> Text:
    sentence = " ".join(lines)
    return Text(sentence)
