"""Every sentence that the troubleshooting guide quotes is a text of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.docs.documents import DOCS, ROOT

GUIDE = "troubleshooting.md"
DOCSTRINGS_ARE_MESSAGES = ("api/responses/errors.py", "gatewayd/errors.py")


def quoted() -> list[str]:
    """The quoted sentences of the guide."""
    return re.findall(r"^> (.+)$", (DOCS / GUIDE).read_text(encoding="utf-8"), re.MULTILINE)


@cache
def texts_of_code() -> frozenset[str]:
    """Every text in the code, with `…` for each placeholder, as in the guide."""
    files = [
        file for folder in ("api", "config", "gatewayd", "modem") for file in (ROOT / folder).rglob("*.py")
    ]
    return frozenset(
        _filled(text)
        for file in files
        if "simulator" not in file.parts
        for text in _texts(
            ast.parse(file.read_bytes()), docstrings=str(file.relative_to(ROOT)) in DOCSTRINGS_ARE_MESSAGES
        )
    )


def _texts(tree: ast.AST, *, docstrings: bool) -> Iterator[str]:
    """`docstrings`: docstrings of classes count, because they are the default messages of the gateway's errors."""
    docstrings_of_code = {
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
            case ast.Constant(value=str(text)) if id(node) not in docstrings_of_code:
                yield text


def _filled(text: str) -> str:
    return re.sub(r"…+", "…", re.sub(r"%[-+.0-9]*[a-z]|\{[a-z_]+(:[^{}]*)?\}", "…", text))


@pytest.mark.parametrize("sentence", quoted())
def test_a_quoted_sentence_is_in_the_code(sentence: str) -> None:
    # In the middle of a log line it begins with a small letter.
    assert any(sentence in text or sentence[1:] in text for text in texts_of_code()), sentence


def test_the_guide_has_quotations() -> None:
    assert len(quoted()) > 40
