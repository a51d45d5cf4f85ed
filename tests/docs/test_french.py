"""The French documents of operators hold what the English ones hold."""

from __future__ import annotations

import re

import pytest

from tests.docs.documents import DOCS, blocks, headings

PAIRS = {
    "troubleshooting.md": "fr/depannage.md",
    "install.md": "fr/installation.md",
    "configuration.md": "fr/configuration.md",
    "check.md": "fr/diagnostic.md",
    "fleet.md": "fr/flotte.md",
}

_CODE_CELL = re.compile(r"^\| (`[^|]*?`)", re.MULTILINE)
_QUOTED = re.compile(r"^> (.+)$", re.MULTILINE)


def text_of(document: str) -> str:
    return (DOCS / document).read_text(encoding="utf-8")


@pytest.mark.parametrize(("english", "french"), PAIRS.items())
def test_each_document_names_the_other(english: str, french: str) -> None:
    assert f"[En français]({french})" in text_of(english)
    assert f"[In English](../{english})" in text_of(french)


@pytest.mark.parametrize(("english", "french"), PAIRS.items())
def test_the_french_document_has_the_same_headings_in_number_and_level(english: str, french: str) -> None:
    assert [level for level, _ in headings(french)] == [level for level, _ in headings(english)]


@pytest.mark.parametrize(("english", "french"), PAIRS.items())
def test_the_french_document_has_the_same_rows(english: str, french: str) -> None:
    """A row begins with a setting, a code, a file or an option, which has no translation."""
    words = {"DOSSIER": "FOLDER", "HÔTE": "HOST", "NOM": "NAME", "chemin/de": "path/to"}

    def rows(document: str) -> list[str]:
        found = [cell.split("` ")[0].split("`,")[0] for cell in _CODE_CELL.findall(text_of(document))]
        return [_replaced(cell, words) for cell in found]

    assert rows(french) == rows(english)


def _replaced(text: str, words: dict[str, str]) -> str:
    for french, english in words.items():
        text = text.replace(french, english)
    return text


@pytest.mark.parametrize(("english", "french"), PAIRS.items())
def test_the_french_document_has_the_same_commands(english: str, french: str) -> None:
    """Comments and placeholders are translated, commands are not."""

    def commands(document: str) -> list[str]:
        lines = [
            line.partition("#")[0].split() for block in blocks(document) for line in block.text.splitlines()
        ]
        return [line[0] for line in lines if line]

    assert commands(french) == commands(english)


def test_the_french_guide_to_faults_quotes_the_same_sentences() -> None:
    assert _QUOTED.findall(text_of("fr/depannage.md")) == _QUOTED.findall(text_of("troubleshooting.md"))
