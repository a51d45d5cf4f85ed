"""Collect the sentences of the program into the catalogues of its languages, and compile them.

    python tools/catalogues.py           # after a change of a sentence; then translate the empty entries
    python tools/catalogues.py --check   # print what is missing, and exit with 1 if anything is

Sentences are `Text("…")` in Python and `_("…")` in templates, the comments of the settings in `config/gatewayd.toml`, the help texts
of the commands, the docstrings of errors that are their messages, and the words of click that people see. Needs Babel, which the
gateway itself does not.
"""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the package of this folder, not an installed one

from config.reference import reference  # noqa: E402
from gatewayd import cli, errors  # noqa: E402

LANGUAGE_FOLDER = ROOT / "config" / "language"
LANGUAGES = {"fr": "nplurals=2; plural=(n > 1);"}
"""Each language and its rule of plurals, as GNU gettext writes it."""

_PYTHON = ("api", "config", "gatewayd", "modem")
_TEMPLATES = ROOT / "api" / "dashboard" / "templates"
CLICK: tuple[str | tuple[str, ...], ...] = (
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    "(dynamic)",
    "Argument {name!r} takes {nargs} values.",
    "Choose from:\n\t{choices}",
    "Commands",
    "Error: invalid input",
    "Error: {message}",
    "Invalid value for {param_hint}: {message}",
    "Invalid value: {message}",
    "Missing argument",
    "Missing command.",
    "Missing option",
    "Missing {param_type}",
    "No such command {name!r}.",
    "No such option {name!r}.",
    "Option {name!r} does not take a value.",
    "Options",
    "Positional arguments",
    "Repeat for confirmation",
    "Show the version and exit.",
    "Show this message and exit.",
    "Try '{command} {option}' for help.",
    "Usage:",
    "default: {default}",
    "directory",
    "env var: {var}",
    "file",
    "path",
    "required",
    "{name} {filename!r} does not exist.",
    "{name} {filename!r} is a directory.",
    "{name} {filename!r} is a file.",
    "{name} {filename!r} is not readable.",
    "{name} {filename!r} is not writable.",
    "{value!r} is not a valid boolean. Recognized values: {states}",
    "{value!r} is not a valid {number_type}.",
    "{value} is not in the range {range}.",
)
"""The words of click that people see. Of a pair, the second is the plural. A test looks for them in click."""

_KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "Text": None,
}


def sentences() -> Catalog:
    """Every sentence of the code and of the templates."""
    found = Catalog()
    for message in _extracted():
        found.add(message)
    return found


def path_of(language: str) -> Path:
    """The catalogue of a language, to be edited."""
    return LANGUAGE_FOLDER / language / "LC_MESSAGES" / "gatewayd.po"


def kept(language: str) -> Catalog:
    """The catalogue of a language as the file has it."""
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """The catalogue of a language with all sentences of the program and no others. New ones have no translation."""
    new = read_po(io.BytesIO(_header(language)), locale=language)
    old = kept(language) if path_of(language).exists() else new
    for message in sentences():
        if message.id:
            known = old.get(message.id)
            string = "" if known is None or known.pluralizable != message.pluralizable else known.string
            new.add(message.id, string or None, flags=message.flags)
    return new


def missing(language: str) -> list[str]:
    """The sentences that the file of a language lacks or leaves untranslated, and those that the program lost."""
    file, wanted = kept(language), {_key(message) for message in sentences() if message.id}
    have = {_key(message) for message in file if message.id and _complete(message) and not message.fuzzy}
    extra = {_key(message) for message in file if message.id} - wanted
    return sorted([f"{language}: not translated: {key}" for key in wanted - have]) + sorted(
        f"{language}: not in the program: {key}" for key in extra
    )


def po_bytes(catalogue: Catalog) -> bytes:
    """A catalogue as a file: sorted, without places and dates, so that two branches rarely change the same lines."""
    text = io.BytesIO()
    write_po(text, catalogue, width=0, no_location=True, omit_header=True, sort_output=True)
    return _header(str(catalogue.locale)) + text.getvalue()


def mo_bytes(catalogue: Catalog) -> bytes:
    """A catalogue as `gettext` reads it."""
    compiled, plain = io.BytesIO(), read_po(io.BytesIO(po_bytes(catalogue)), locale=catalogue.locale)
    plain.creation_date = plain.revision_date = datetime(2026, 1, 1, tzinfo=UTC)  # else that of this moment
    write_mo(compiled, plain)
    return compiled.getvalue()


def _header(language: str) -> bytes:
    return (
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Language: {language}\\n"\n"Plural-Forms: {LANGUAGES[language]}\\n"\n\n'
    ).encode()


def _extracted() -> Iterator[str | tuple[str, ...]]:
    for folder in _PYTHON:
        for found in extract_from_dir(ROOT / folder, [("**.py", "python")], keywords=_KEYWORDS):
            yield found[2]
    yield from CLICK
    yield from filter(None, _commands())
    yield from _messages_of(errors.GatewayError)
    for setting in reference():
        yield setting.reason
    for found in extract_from_dir(_TEMPLATES, [("**.html", "jinja2")], keywords=_KEYWORDS):
        yield found[2]


def _help_texts(command: click.Command) -> Iterator[str]:
    """The help of a command, of its options and of its subcommands, as `gatewayd.commands.command_help` looks them up."""
    yield inspect.cleandoc(command.help or "")
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield parameter.help or ""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _help_texts(each)


def _commands() -> Iterator[str]:
    yield from _help_texts(cli.main)
    context = click.Context(cli.main)
    for name, entry in cli.COMMANDS.items():
        command = cli.main.get_command(context, name)
        if command is not None and not entry.hidden:
            yield entry.short_help
            yield from _help_texts(command)


def _messages_of(error: type[errors.GatewayError]) -> Iterator[str]:
    yield (error.__doc__ or "").split("\n")[0]
    for each in error.__subclasses__():
        yield from _messages_of(each)


def _complete(message: Message) -> bool:
    return all(message.string) if isinstance(message.string, list | tuple) else bool(message.string)


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def main() -> int:
    """Update or check the catalogues; the exit code."""
    if sys.argv[1:] == ["--check"]:
        faults = [fault for language in LANGUAGES for fault in missing(language)]
        print("\n".join(faults) or "every sentence is translated")
        return 1 if faults else 0
    for language in LANGUAGES:
        catalogue, path = updated(language), path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(po_bytes(catalogue))
        path.with_suffix(".mo").write_bytes(mo_bytes(catalogue))
        for fault in missing(language):
            print(fault)
    return 0


if __name__ == "__main__":
    sys.exit(main())
