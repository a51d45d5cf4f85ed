"""Comma-separated values that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

# A spreadsheet takes a cell with one of these at its beginning for a formula.
_FORMULA: Final = ("=", "@", "+", "-", "\t", "\r")

# Numbers are no formulas: E.164, and amounts below 0.
_NUMBER: Final = re.compile(r"[+-][0-9]+(\.[0-9]+)?", re.ASCII)


def csv_row(values: Iterable[object]) -> str:
    """One line of comma-separated values (RFC 4180, with a line feed at its end). None is an empty cell."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([_cell(value) for value in values])
    return out.getvalue()


def _cell(value: object) -> object:
    """A value for a spreadsheet: a text that it would take for a formula is marked as text."""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
