"""Statements of `gatewayd/store/tables/` as PostgreSQL and psycopg take them.

Both engines run the same statements, in the subset that they have in common. Only this is translated, word by word: `?` and
`:name` become the marks of psycopg, `INDEXED BY` is left out, LIKE becomes ILIKE (SQLite's LIKE ignores the case of ASCII
letters, and so does ILIKE on our columns, which have the collation "C"), and `json_each` is a function of our schema. What
would mean something else on PostgreSQL is refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from gatewayd.fleet.postgres.errors import PostgresFaultError

_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)
    | (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<cast>::)
    | (?P<named>:[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>\?)
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<operator>[-(),.=<>!+*/%|;\[\]&~@\#])
    """,
    re.VERBOSE,
)

_FUNCTIONS: Final = {"json_each": "numbers_of_json"}

# Words that only SQLite knows, or that PostgreSQL understands in another way.
_REFUSED: Final = frozenset(
    {"PRAGMA", "GLOB", "ROWID", "AUTOINCREMENT", "MATCH", "REGEXP", "RANDOMBLOB", "SQLITE_SCHEMA", "IFNULL"}
)
_AFTER_IS: Final = frozenset({"NULL", "DISTINCT", "TRUE", "FALSE"})


@lru_cache(maxsize=4096)
def translate(statement: str) -> str:
    """A statement for psycopg. Raises PostgresFaultError where a word of it has no, or another, meaning there."""
    tokens = _tokens(statement)
    if {"mark", "named"} <= {kind for kind, _ in tokens}:
        raise PostgresFaultError("a statement must not have both ? and :name")
    written: list[str] = []
    words = _Words()
    skip = 0
    for place, (kind, text) in enumerate(tokens):
        if kind == "space":
            written.append(text.replace("%", "%%"))
            continue
        if skip:
            skip -= 1
            continue
        following = _following(tokens, place)
        words.check(kind, text, following)
        if kind == "word" and text.upper() == "INDEXED" and following[:1] == ["BY"]:
            skip = 2
        else:
            written.append(_written(kind, text))
    return "".join(written)


def _tokens(statement: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(statement):
        token = _TOKEN.match(statement, at)
        if token is None:
            raise PostgresFaultError(
                f"a statement has {statement[at]!r}, which has no meaning on PostgreSQL here"
            )
        kind = token.lastgroup or ""
        before = found[-1] if found else ("", "")
        if kind in ("string", "quoted", "word", "number") and before[0] in (
            "word",
            "number",
            "string",
            "quoted",
            "mark",
            "named",
        ):
            raise PostgresFaultError(
                f"a statement has {before[1]} without a space behind it"
            )  # such as E'…', X'…', ?1
        found.append((kind, token.group()))
        at = token.end()
    return found


def _following(tokens: list[tuple[str, str]], place: int) -> list[str]:
    """The next two tokens behind a place, words in capitals."""
    behind = [
        text.upper() if kind == "word" else text
        for kind, text in tokens[place + 1 : place + 6]
        if kind != "space"
    ]
    return behind[:2]


def _written(kind: str, text: str) -> str:
    if kind == "mark":
        return "%s"
    if kind == "named":
        return f"%({text[1:]})s"
    if kind == "word":
        if text.upper() == "LIKE":
            return "ILIKE"
        return _FUNCTIONS.get(text.lower(), text)
    return text.replace("%", "%%")


class _Words:
    """Looks at the tokens in their order, and refuses what PostgreSQL would not understand as SQLite does."""

    def __init__(self) -> None:
        self._before = ""
        self._named: set[str] = set()

    def check(self, kind: str, text: str, following: list[str]) -> None:
        """Look at the next token. Raises PostgresFaultError."""
        word = text.upper() if kind == "word" else text
        behind = following[0] if following else ""
        if kind == "named":
            if behind == "IS" and text not in self._named:
                # PostgreSQL takes the type of a value from its first use, and this one tells none.
                raise PostgresFaultError(
                    f"{text} must be compared with a column before it is compared with NULL"
                )
            self._named.add(text)
        if kind == "word":
            if word in _REFUSED:
                raise PostgresFaultError(f"{word} has no meaning on PostgreSQL")
            if word == "OR" and self._before in ("INSERT", "UPDATE"):
                raise PostgresFaultError("INSERT OR … has no meaning on PostgreSQL: use ON CONFLICT")
            if word == "INTO" and self._before == "REPLACE":
                raise PostgresFaultError("REPLACE has no meaning on PostgreSQL: use ON CONFLICT")
            if word == "IS" and (following[-1] if behind == "NOT" else behind) not in _AFTER_IS:
                raise PostgresFaultError("IS compares values on SQLite only")
            if word == "INTEGER" and self._before == "AS":
                raise PostgresFaultError("INTEGER has four bytes on PostgreSQL: use BIGINT")
            if word == "CONFLICT" and following == ["DO", "UPDATE"]:
                raise PostgresFaultError("ON CONFLICT DO UPDATE needs its columns on PostgreSQL")
        self._before = word
