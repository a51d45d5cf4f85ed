"""The table of modems is the output of its tool."""

from __future__ import annotations

from modem.recording import document
from modem.simulator import collection
from tools import modem_table


def test_the_table_is_up_to_date() -> None:
    text = modem_table.DOCUMENT.read_text(encoding="utf-8")
    assert modem_table.BEGIN in text
    assert modem_table.written(text) == text


def test_the_table_has_every_real_modem_with_its_source() -> None:
    rows = modem_table.table().splitlines()[2:]
    real = [
        recording
        for recording in map(document.read, collection.files())
        if recording.source.kind != "simulated"
    ]
    assert len(rows) == len(real)
    assert all(any(f" {each.source.kind}, {each.source.date} |" in row for row in rows) for each in real)
