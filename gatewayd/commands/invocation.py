"""The language, the time zone and the form of the output that one call of the command line asked for.

Every command imports this module, so it imports little.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

from config import basics
from config.basics import Basics
from config.language.catalogue import DEFAULT, DOMAIN, FOLDER, LANGUAGES, language_of, sentence
from config.language.text import text_of

DEFAULT_CONFIG: Final = Path("/etc/gatewayd/gatewayd.toml")

# Of LC_ALL and LC_MESSAGES: the person wants the sentences of the code. C.UTF-8 says nothing: it is what a box without a
# chosen language has.
_UNTRANSLATED: Final = ("C", "POSIX")


class Invocation(NamedTuple):
    """One call of the command line. No dataclass: to import those takes a tenth of the time of `gatewayd --help`."""

    as_json: bool = False
    language: str = DEFAULT
    config: Path | None = None  # the file of which `basics` are
    basics: Basics = basics.NOTHING


_present: ContextVar[Invocation] = ContextVar("invocation", default=Invocation())  # noqa: B039 - it is frozen


@contextmanager
def begun(arguments: Sequence[str]) -> Iterator[None]:
    """Run a call of the command line with these arguments. Its language is chosen for our sentences and for click's."""
    before = os.environ.get("LANGUAGE")
    asked = "--json" in takewhile(lambda argument: argument != "--", arguments)
    token = _present.set(Invocation(as_json=asked))
    try:
        gettext.bindtextdomain(DOMAIN, str(FOLDER))
        gettext.textdomain(DOMAIN)  # click takes its own words from there
        configured(Path(os.environ.get("GATEWAYD_CONFIG") or DEFAULT_CONFIG))
        yield
    finally:
        _present.reset(token)
        if before is None:
            os.environ.pop("LANGUAGE", None)
        else:
            os.environ["LANGUAGE"] = before


def configured(config: Path) -> None:
    """Use the language and the time zone of a configuration file from now on."""
    present = _present.get()
    if config == present.config:
        return
    found = basics.read(config)
    language = DEFAULT if present.as_json else chosen_language(os.environ, found.language)
    os.environ["LANGUAGE"] = language  # gettext(3) looks there first
    _present.set(present._replace(config=config, basics=found, language=language))


def chosen_language(environment: Mapping[str, str], setting: str | None) -> str:
    """The language of a call: that of LC_ALL or LC_MESSAGES, else that of `daemon.language`, else that of LANG, else English."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        locale = environment.get(name, "")
        if locale in _UNTRANSLATED:
            return DEFAULT
        if locale.partition(".")[0] not in ("", *_UNTRANSLATED):
            return language_of(locale) or DEFAULT
    if setting in LANGUAGES:
        return setting
    return language_of(environment.get("LANG", "")) or DEFAULT


def as_json() -> bool:
    """Whether the call asked for JSON. Its sentences are English then."""
    return _present.get().as_json


def language() -> str:
    """The language of the call."""
    return _present.get().language


def settings_file() -> Path:
    """The configuration file of the call."""
    return _present.get().config or DEFAULT_CONFIG


def settings() -> Basics:
    """The basics of the configuration of the call."""
    return _present.get().basics


def localised(text: object) -> str:
    """A text, or the text of an exception, in the language of the call. Other strings are returned as they are."""
    told = text_of(text) if isinstance(text, Exception) else text
    return sentence(told, language()) if isinstance(told, str) else str(told)
