"""Write the table of modems in docs/hardware.md from the recordings in modem/simulator/recordings.

python tools/modem_table.py
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from modem.recording import document  # noqa: E402 - the tool runs from anywhere
from modem.recording.document import Recording  # noqa: E402
from modem.simulator import collection, recorded  # noqa: E402

DOCUMENT = ROOT / "docs" / "hardware.md"
BEGIN = "<!-- written by tools/modem_table.py -->\n"
END = "<!-- end of the table -->\n"

_HEAD = """\
| modem | firmware | answers the rest as | keeps texts in | reports | quirks | source |
|---|---|---|---|---|---|---|
"""
_REPORTS = {1: "direct", 2: "stored"}  # <ds> of +CNMI (27.005, 3.4.1)


def table() -> str:
    """The table: a row for each recording of a real modem, by maker and model."""
    recordings = [document.read(file) for file in collection.files()]
    rows = [_row(each) for each in recordings if each.source.kind != "simulated"]
    return _HEAD + "".join(sorted(rows, key=str.lower))


def written(text: str) -> str:
    """The text of the document with the present table."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


def _row(recording: Recording) -> str:
    modem, source = recording.modem, recording.source
    traits = recorded.personality(recording).traits
    asked = {exchange.command for exchange in recording.exchanges}
    memories = ", ".join(traits.storage[-1])
    ways = [_REPORTS[ds] for ds in sorted(traits.cnmi_values[3]) if ds in _REPORTS]
    fields = (
        f"{modem.manufacturer.strip()} {' '.join(modem.model.split())}",
        modem.revision or "not known",
        f"`{recording.make}`",
        memories if "AT+CPMS=?" in asked else f"({memories})",
        " or ".join(ways) if any(each.startswith("AT+CNMI=") for each in asked) else f"({' or '.join(ways)})",
        "; ".join(recording.quirks),
        f"{source.kind}, {source.date}",
    )
    return "| " + " | ".join(field.replace("|", "\\|") for field in fields) + " |\n"


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
