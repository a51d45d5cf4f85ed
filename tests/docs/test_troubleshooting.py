"""What the troubleshooting guide quotes is said by the program in these words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.docs.documents import DOCS, ROOT

GUIDE = "troubleshooting.md"
SAY_THEIR_DOCSTRINGS = ("api/responses/errors.py", "gatewayd/errors.py")


def quoted() -> list[str]:
    """The sentences of the guide that stand as quotations."""
    return re.findall(r"^> (.+)$", (DOCS / GUIDE).read_text(encoding="utf-8"), re.MULTILINE)


@cache
def said() -> frozenset[str]:
    """Every text in the code; what is filled in is `…`, as in the guide."""
    files = [
        file for folder in ("api", "config", "gatewayd", "modem") for file in (ROOT / folder).rglob("*.py")
    ]
    return frozenset(
        _filled(text)
        for file in files
        if "simulator" not in file.parts
        for text in _texts(
            ast.parse(file.read_bytes()), docstrings=str(file.relative_to(ROOT)) in SAY_THEIR_DOCSTRINGS
        )
    )


def _texts(tree: ast.AST, *, docstrings: bool) -> Iterator[str]:
    """`docstrings`: those of classes count, as they are what the gateway's errors say where nothing else is given."""
    unsaid = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and not (docstrings and isinstance(node, ast.ClassDef))
    }
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=values):
                yield "".join(
                    part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "…"
                    for part in values
                )
            case ast.Constant(value=str(text)) if id(node) not in unsaid:
                yield text


def _filled(text: str) -> str:
    return re.sub(r"…+", "…", re.sub(r"%[-+.0-9]*[a-z]", "…", text))


@pytest.mark.parametrize("sentence", quoted())
def test_a_quoted_sentence_is_in_the_code(sentence: str) -> None:
    # In the middle of a line of the log it begins with a small letter.
    assert any(sentence in text or sentence[1:] in text for text in said()), sentence


def test_there_is_something_to_check() -> None:
    assert len(quoted()) > 40
