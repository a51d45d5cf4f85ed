"""The language of a page: the person's, else that of the switch (a cookie), else the browser's, else English."""

from __future__ import annotations

from typing import Final

from flask import g, request

from api.dashboard.guard import known_viewer
from config.language.catalogue import DEFAULT, LANGUAGES, catalogue, sentence

COOKIE: Final = "gatewayd_language"


def language() -> str:
    """The language of the present request."""
    if "language" not in g:
        g.language = _wanted()
    chosen: str = g.language
    return chosen


def gettext(text: str) -> str:
    """A sentence of a template in the language of the present request."""
    return catalogue(language()).gettext(text)


def ngettext(singular: str, plural: str, number: int) -> str:
    """As `gettext`, for a sentence about a number of things."""
    return catalogue(language()).ngettext(singular, plural, number)


def localised(text: object) -> str:
    """A Text in the language of the present request. Another string is returned as it is."""
    return sentence(text, language()) if isinstance(text, str) else str(text)


def _wanted() -> str:
    person = known_viewer()
    for wanted in (None if person is None else person.language, request.cookies.get(COOKIE)):
        if wanted in LANGUAGES:
            return wanted
    return request.accept_languages.best_match(LANGUAGES) or DEFAULT
