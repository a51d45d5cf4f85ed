"""Describe the faults of a configuration for its author: line, key, and the permitted values."""

from __future__ import annotations

import difflib
import re
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Loc = tuple[int | str, ...]

_SENTENCES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "float_type": "must be a number (without quotes)",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number (without quotes)",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "mapping_type": "must be a table",
    "missing": "is missing",
    "model_type": "must be a table",
    "is_instance_of": "must be text in quotes",
    "string_type": "must be text in quotes",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
}
_LISTS = ("ports", "balance")  # sections that may occur several times
_KEY = r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'"""
_DOTTED = rf"(?:{_KEY})(?:\s*\.\s*(?:{_KEY}))*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ENTRY = re.compile(rf"\s*({_DOTTED})\s*=")


def describe(error: ValidationError, text: str, root: type[BaseModel]) -> list[str]:
    """Return one sentence per fault, in the order of the file. Values are never repeated: one may be a PIN."""
    lines = _line_index(text)
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        loc = fault["loc"] + tuple(fault.get("ctx", {}).get("within", ()))
        line = _line_of(loc, lines)
        faults.append((line, f"line {line}: {_name(loc)} {_sentence(fault, loc, root)}"))
    return [sentence for _, sentence in sorted(faults)]


def _sentence(fault: ErrorDetails, loc: Loc, root: type[BaseModel]) -> str:
    if fault["type"] == "extra_forbidden":
        return "is not a known key" + _suggestion(loc, root)
    if fault["type"] in _SENTENCES:
        return _SENTENCES[fault["type"]].format(**fault.get("ctx", {})).removesuffix(".0")
    return fault["msg"].removeprefix("Value error, ")


def _suggestion(loc: Loc, root: type[BaseModel]) -> str:
    wrong = str(loc[-1])
    nearest = difflib.get_close_matches(wrong, _keys(loc[:-1], root), n=1, cutoff=0.6)
    if nearest:
        return f'; did you mean "{nearest[0]}"?'
    for section in root.model_fields:
        if wrong in _keys((section,), root):
            return f"; it belongs in {f'[[{section}]]' if section in _LISTS else f'[{section}]'}"
    return ""


def _keys(loc: Loc, root: type[BaseModel]) -> list[str]:
    """The permitted keys at a position in the file."""
    if not loc:
        return list(root.model_fields)
    annotation = root.model_fields[str(loc[0])].annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return list(kind.model_fields)
    return []


def _name(loc: Loc) -> str:
    """A position in the syntax of the file: `[api] threads`, `[[ports]] 2 baud`, `[dispatch] backoff_s 3`."""
    section, *rest = loc
    words = [str(step + 1) if isinstance(step, int) else step for step in rest]
    in_list = bool(rest) and isinstance(rest[0], int)
    return " ".join([f"[[{section}]]" if in_list else f"[{section}]", *words])


def _line_of(loc: Loc, lines: dict[Loc, int]) -> int:
    """The line of the position, or of the nearest table around it."""
    while loc and loc not in lines:
        loc = loc[:-1]
    return lines.get(loc, 1)


def _line_index(text: str) -> dict[Loc, int]:
    """The line of each table and key of a valid TOML text, because tomllib reports no lines.

    Lines of a multi-line string that look like keys are indexed too; they can only make a line number wrong.
    """
    lines: dict[Loc, int] = {}
    entries: dict[Loc, int] = {}
    table: Loc = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.match(line):
            table = _path(header[2])
            if header[1] == "[[":
                lines.setdefault(table, number)
                entries[table] = entries.get(table, -1) + 1
                table = (*table, entries[table])
            lines.setdefault(table, number)
        elif entry := _ENTRY.match(line):
            lines.setdefault(table + _path(entry[1]), number)
    return lines


def _path(dotted: str) -> Loc:
    return tuple(key.strip("\"'") for key in re.findall(_KEY, dotted))
