"""Lists and records for a person: within the width of the terminal, with local times and in the language of the call."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from config.basics import DEFAULT_TIME_ZONE
from config.language.text import Text
from gatewayd.commands import invocation
from gatewayd.commands.words import WORDED, label, word
from gatewayd.commands.wrapping import screen, wrapped
from gatewayd.escaping import printable

_NOTE: Final = " " * 4  # before a sentence below a row
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_TEXTS: Final = frozenset({"message", "text", "ended_text", "name", "answer", "reason", "description"})
_BARS: Final = ("    ", "▂   ", "▂▄  ", "▂▄▆ ", "▂▄▆█")
_PLAIN_BARS: Final = ("....", "|...", "||..", "|||.", "||||")
# A modem reports -113 to -51 dBm (27.007, 8.5). Below -103 some submissions fail; from -79 up all is well.
_LEVELS_DBM: Final = (-103, -93, -83, -73)

Row = Mapping[str, Any]


class Column(NamedTuple):
    """A column of a list: its header, and how a row is shown in it. Only a column that may be `cut` gets narrower."""

    header: str
    show: Callable[[Row], object]
    cut: bool = False


def of(key: str, header: Text | None = None, *, cut: bool = False) -> Column:
    """The column of a field."""
    return Column(header or label(key), lambda row: value(key, row[key]), cut)


def listing(rows: Sequence[Row], columns: Sequence[Column], note: Callable[[Row], str] = lambda _: "") -> str:
    """The rows as a table no wider than the terminal. `note`: a sentence below a row, wrapped; "" for none."""
    headers = [invocation.localised(column.header) for column in columns]
    cells = [[cell(column.show(row)) for column in columns] for row in rows]
    widths = _widths([headers, *cells], [column.cut for column in columns])
    lines = [_line(headers, widths), _line(["-" * width for width in widths], widths)]
    for row, shown in zip(rows, cells, strict=True):
        lines.append(_line(shown, widths))
        if told := note(row):
            lines.append(wrapped(told, _NOTE))
    return "\n".join(lines)


def wide(rows: Sequence[Row]) -> str:
    """The rows with all fields, as `--json` has them: as wide as they are, with ISO times in UTC."""
    cells = [[_raw(each) for each in row.values()] for row in rows]
    table = [list(rows[0]), *cells]
    widths = [max(len(line[index]) for line in table) for index in range(len(table[0]))]
    return "\n".join([_line(table[0], widths), *(_line(line, widths) for line in cells)])


def record(row: Row) -> str:
    """One record, a field a line."""
    labels = {key: printable(invocation.localised(label(key))) for key in row}
    width = max(map(len, labels.values()), default=0) + 2
    return "\n".join(
        wrapped(cell(value(key, each)), " " * width, labels[key].ljust(width)) for key, each in row.items()
    )


def value(key: str, found: object) -> object:
    """The value of a field for a person: moments in local time, names of states in words."""
    if isinstance(found, str):
        if key in WORDED:
            return word(found)
        if key not in _TEXTS and _MOMENT.fullmatch(found):
            return local(found)
    return found


def cell(found: object) -> str:
    """A value as one line."""
    if isinstance(found, bool):
        found = Text("yes") if found else Text("no")
    if isinstance(found, list | tuple):
        return ", ".join(map(cell, found)) or "-"
    if isinstance(found, float):
        return f"{found:g}"
    return "-" if found is None else printable(invocation.localised(found)) or "-"


def local(moment: str) -> str:
    """A moment, which is ISO 8601 in UTC, in the time zone of the box: `2026-11-30 21:15:03`."""
    return f"{_in_zone(moment):%Y-%m-%d %H:%M:%S}"


def short(moment: str | None) -> str:
    """A moment without seconds, `11-30 21:15`, or the day of another year, `2027-11-30`. "": there is none."""
    if moment is None:
        return ""
    then = _in_zone(moment)
    return f"{then:%m-%d %H:%M}" if then.year == datetime.now(then.tzinfo).year else f"{then:%Y-%m-%d}"


def zone_name() -> str:
    """The name of the time zone of the box."""
    return invocation.settings().time_zone or DEFAULT_TIME_ZONE


def signal(dbm: int | None) -> str:
    """A signal as a bar and in dBm; "" where it is not known."""
    if dbm is None:
        return ""
    level = sum(dbm >= least for least in _LEVELS_DBM)
    return f"{_bars()[level]} {dbm}"


def _in_zone(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone(_zone(zone_name()))


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # `gatewayd check` explains it
        return ZoneInfo("UTC")


def _bars() -> Sequence[str]:
    return _BARS if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8" else _PLAIN_BARS


def _widths(table: Sequence[Sequence[str]], may_cut: Sequence[bool]) -> list[int]:
    """The width of each column: as wide as its cells, and those that may be cut narrower where the terminal is."""
    widths = [max(len(line[index]) for line in table) for index in range(len(may_cut))]
    excess = sum(widths) + 2 * (len(widths) - 1) - screen()
    while excess > 0 and any(may_cut):
        widest = max((index for index, cut in enumerate(may_cut) if cut), key=lambda index: widths[index])
        if widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
        excess -= 1
    return widths


_LEAST: Final = 6  # characters of a cut column


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(map(_fitted, cells, widths)).rstrip()


def _fitted(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else f"{text[: width - 1]}…"


def _raw(found: object) -> str:
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, list | tuple):
        return ",".join(map(_raw, found)) or "-"
    return "-" if found is None or found == "" else printable(str(found))
