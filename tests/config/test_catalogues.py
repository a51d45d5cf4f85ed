"""Every sentence for people is translated, and the compiled catalogues are those of the files."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from babel.messages.extract import extract_from_dir

from config.language.catalogue import LANGUAGES, language_of, translated
from config.language.text import Sentences, Text
from tools import catalogues

_PLACES = re.compile(r"\{[a-z_]*(?:![a-z]|:[^}]*)?\}|%\([a-z_]+\)s")


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_every_sentence_is_translated(language: str) -> None:
    assert catalogues.missing(language) == []


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_file(language: str) -> None:
    path = catalogues.path_of(language)
    assert path.read_bytes() == catalogues.po_bytes(catalogues.kept(language))
    assert path.with_suffix(".mo").read_bytes() == catalogues.mo_bytes(catalogues.kept(language))


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_a_translation_has_the_places_of_its_sentence(language: str) -> None:
    for message in catalogues.kept(language):
        ids = message.id if isinstance(message.id, list | tuple) else [message.id]
        strings = message.string if isinstance(message.string, list | tuple) else [message.string]
        known = [set(_PLACES.findall(each)) for each in ids]
        for string in strings:
            assert set(_PLACES.findall(string or "")) in known, message.id


def test_the_languages_are_those_of_the_tool() -> None:
    assert set(LANGUAGES) == {"en", *catalogues.LANGUAGES}


def test_a_text_is_its_english_sentence_and_is_translated_with_its_values() -> None:
    text = Text("the role must be one of {roles}", roles=Text("Password"))
    assert text == "the role must be one of Password"
    assert translated({"a": [text, "as it is"], "b": 3}, "fr") == {
        "a": ["le rôle doit être l'un de ceux-ci : Mot de passe", "as it is"],
        "b": 3,
    }
    both = Sentences([Text("Password"), "", "x"])
    assert (both, translated(both, "fr")) == ("Password x", "Mot de passe x")


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("fr_FR.UTF-8", "fr"), ("fr-ML", "fr"), ("FR", "fr"), ("en_US", "en"), ("C.UTF-8", None), ("", None)],
)
def test_a_locale_names_its_language(wanted: str, language: str | None) -> None:
    assert language_of(wanted) == language


def test_the_words_of_click_are_those_of_the_installed_one() -> None:
    found = extract_from_dir(
        Path(click.__file__).parent, [("**.py", "python")], keywords={"_": None, "ngettext": (1, 2)}
    )
    said = {message for _, _, message, _, _ in found} | {"required"}  # which an f-string names
    assert set(catalogues.CLICK) <= said
