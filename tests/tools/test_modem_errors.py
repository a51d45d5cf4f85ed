"""The list of modem codes is the output of its tool."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from modem import error_tables

ROOT = Path(__file__).parents[2]


def test_the_list_is_up_to_date(tmp_path: Path) -> None:
    made = tmp_path / "modem-errors.md"
    subprocess.run([sys.executable, ROOT / "tools" / "modem_errors.py", made], check=True)
    assert made.read_text() == (ROOT / "docs" / "modem-errors.md").read_text()


def test_every_code_has_its_line() -> None:
    text = (ROOT / "docs" / "modem-errors.md").read_text()
    tables = [error_tables.CMS, *error_tables.CMS_BY_VENDOR.values(), error_tables.CME, error_tables.LOCAL]
    chapters = [chapter for chapter in text.split("\n## ")[1:] if not chapter.startswith("Without a code")]
    for table, chapter in zip(tables, chapters, strict=True):
        listed: list[int] = []
        for line in chapter.splitlines()[4:]:
            first, _, last = line.split("|")[1].strip().partition(" to ")
            listed += range(int(first), int(last or first) + 1)
        assert listed == sorted(table)
