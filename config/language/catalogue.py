"""The languages of the gateway, and their catalogues of sentences (GNU gettext).

A catalogue is `LANGUAGE/LC_MESSAGES/gatewayd.po` in this folder. `make catalogues` collects the sentences of the program into it
and compiles it; a test fails where a sentence is missing.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from config.language.text import Sentences, Text

LANGUAGES = ("en", "fr")
"""The languages, as ISO 639-1 codes. The sentences in the code are English."""

DEFAULT = "en"

FOLDER = Path(__file__).parent
DOMAIN = "gatewayd"


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The catalogue of one of LANGUAGES. English has an empty one: its sentences stand in the code."""
    if language == DEFAULT:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, FOLDER, languages=[language])


def translated(value: object, language: str) -> object:
    """A value with every Text in it translated, also within lists, tuples and the values of mappings."""
    if language == DEFAULT:
        return value
    if isinstance(value, Text):
        return _sentence(value, language)
    if isinstance(value, Mapping):
        return {key: translated(each, language) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [translated(each, language) for each in value]
    return value


def sentence(text: str, language: str) -> str:
    """One text in a language. A string that is no Text has no translation and is returned as it is."""
    return _sentence(text, language) if isinstance(text, Text) else text


def _sentence(text: Text, language: str) -> str:
    if isinstance(text, Sentences):
        return text.separator.join(sentence(each, language) for each in text.texts)
    template = catalogue(language).gettext(text.template) if text.template else ""
    if not text.values:
        return template
    return template.format(**{name: translated(value, language) for name, value in text.values.items()})


def language_of(wanted: str) -> str | None:
    """The one of LANGUAGES for a locale or a language tag, as `fr_FR.UTF-8` or `fr-ML`; None if it is none of them."""
    code = wanted.strip().lower().replace("_", "-").partition(".")[0].partition("-")[0]
    return code if code in LANGUAGES else None
