"""Describe the faults of a configuration for its author: line, key, and the permitted values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.language.text import Text, text_of

Loc = tuple[int | str, ...]

# The sentence of each kind of fault, made of the facts that pydantic gives with it.
_SENTENCES: Final[Mapping[str, Callable[[Mapping[str, Any]], Text]]] = {
    "bool_type": lambda _: Text("must be true or false"),
    "dict_type": lambda _: Text("must be a table"),
    "float_type": lambda _: Text("must be a number (without quotes)"),
    "finite_number": lambda _: Text("must be a finite number"),
    "int_type": lambda _: Text("must be a whole number (without quotes)"),
    "literal_error": lambda facts: Text("must be {expected}", expected=_either(facts["expected"])),
    "greater_than": lambda facts: Text("must be more than {limit}", limit=_number(facts["gt"])),
    "greater_than_equal": lambda facts: Text("must be at least {limit}", limit=_number(facts["ge"])),
    "less_than_equal": lambda facts: Text("must be at most {limit}", limit=_number(facts["le"])),
    "mapping_type": lambda _: Text("must be a table"),
    "missing": lambda _: Text("is missing"),
    "model_type": lambda _: Text("must be a table"),
    "is_instance_of": lambda _: Text("must be text in quotes"),
    "string_type": lambda _: Text("must be text in quotes"),
    "too_short": lambda _: Text("must not be empty"),
    "tuple_type": lambda _: Text("must be a list"),
    "not_unique": lambda _: Text("must differ from that of every earlier port"),
    "no_box_name": lambda _: Text("needs name, by which the others know this box"),
    "no_backup_dir": lambda _: Text("needs backup_dir, to restore from"),
}
_LISTS = ("ports", "balance")  # sections that may occur several times
_KEY = r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'"""
_DOTTED = rf"(?:{_KEY})(?:\s*\.\s*(?:{_KEY}))*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ENTRY = re.compile(rf"\s*({_DOTTED})\s*=")


def describe(error: ValidationError, text: str, root: type[BaseModel]) -> list[Text]:
    """Return one sentence per fault, in the order of the file. Values are never repeated: one may be a PIN."""
    lines = _line_index(text)
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        loc = fault["loc"] + tuple(fault.get("ctx", {}).get("within", ()))
        line = _line_of(loc, lines)
        told = _sentence(fault, loc, root)
        faults.append((line, Text("line {line}: {name} {told}", line=line, name=_name(loc), told=told)))
    return [sentence for _, sentence in sorted(faults)]


def _sentence(fault: ErrorDetails, loc: Loc, root: type[BaseModel]) -> str:
    facts = fault.get("ctx", {})
    if fault["type"] == "extra_forbidden":
        return _unknown_key(loc, root)
    if fault["type"] in _SENTENCES:
        return _SENTENCES[fault["type"]](facts)
    error = facts.get("error")
    if isinstance(error, ValueError):  # of a validator of `config.settings`
        return text_of(error)
    return fault["msg"]


def _either(expected: str) -> Text | str:
    """The permitted values, which pydantic lists with `or` before the last one."""
    values = expected.split(" or ")
    return Text("{values} or {last}", values=values[0], last=values[1]) if len(values) == 2 else expected


def _number(limit: float) -> str:
    return str(limit).removesuffix(".0")


def _unknown_key(loc: Loc, root: type[BaseModel]) -> Text:
    wrong = str(loc[-1])
    nearest = difflib.get_close_matches(wrong, _keys(loc[:-1], root), n=1, cutoff=0.6)
    if nearest:
        return Text('is not a known key; did you mean "{nearest}"?', nearest=nearest[0])
    for section in root.model_fields:
        if wrong in _keys((section,), root):
            table = f"[[{section}]]" if section in _LISTS else f"[{section}]"
            return Text("is not a known key; it belongs in {table}", table=table)
    return Text("is not a known key")


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
