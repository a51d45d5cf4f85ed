"""Write docs/modem-errors.md, the meanings of the error codes of modems, from modem/error_tables.py.

python tools/modem_errors.py [FILE]
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from modem import error_tables  # noqa: E402 - the tool runs from anywhere
from modem.error_tables import Row  # noqa: E402
from modem.errors import cause  # noqa: E402

_INTRODUCTION = """\
# What modems answer

Made by `tools/modem_errors.py` from the tables that the program goes by: change `modem/error_tables.py`, then run
`python tools/modem_errors.py`.

A code stands in `attempts` of a message's status, in `failure_reason` and in the log, as `+CMS ERROR: 38`. CMS codes are about
messages, CME codes about the modem and its SIM: **the same number means other things in each**. *Whose* says what the gateway does next:

| whose | what the gateway does | what you do |
|---|---|---|
| recipient | fails the message at once: no SIM would do better | correct the number |
| sim | tries another SIM; one that fails three recipients in a row rests | look after this SIM, or this modem |
| moment | tries again, first on the same SIM, then on another, up to `dispatch.max_attempts` | nothing, unless it goes on for hours |
| configuration | as for a SIM, and the log names it as something that a person can help | correct the configuration, or report the modem's model |

A code that is not listed is taken for one of the moment.
"""

_HEAD = "| code | whose | name in the standard | meaning | en français |\n|---|---|---|---|---|\n"


def document() -> str:
    """The contents of the file."""
    chapters = [
        _INTRODUCTION,
        _chapter("CMS: messages", "CMS", error_tables.CMS, ""),
        *(
            _chapter(f"CMS above 511: {vendor}", "CMS", table, vendor)
            for vendor, table in error_tables.CMS_BY_VENDOR.items()
        ),
        _chapter("CME: modem and SIM", "CME", error_tables.CME, ""),
        _chapter("What the gateway finds itself", "LOCAL", error_tables.LOCAL, ""),
        _without_a_code(),
    ]
    return "\n".join(chapters)


def _chapter(title: str, family: str, table: Mapping[int, Row], vendor: str) -> str:
    """One table; consecutive codes with the same meaning share a line."""
    lines = []
    numbered = enumerate(sorted(table))
    for (_, row), group in groupby(numbered, lambda each: (each[1] - each[0], table[each[1]])):
        codes = [code for _, code in group]
        lines.append(_line(_span(codes), row[1], family, codes[0], vendor))
    return f"## {title}\n\n{_HEAD}{''.join(lines)}"


def _span(codes: list[int]) -> str:
    return str(codes[0]) if len(codes) == 1 else f"{codes[0]} to {codes[-1]}"


def _line(shown: str, name: str, family: str, code: int | None, vendor: str) -> str:
    found = cause(family, code, vendor=vendor)
    return f"| {shown} | {found.kind.value} | {name} | {found.reason} | {found.reason_fr} |\n"


def _without_a_code() -> str:
    return f"## Without a code\n\n{_HEAD}{_line('`ERROR`', '', 'ERROR', None, '')}"


def main() -> None:
    """Write the file."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "modem-errors.md"
    file.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
