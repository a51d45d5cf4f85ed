"""The help of every command: examples that can be typed, lines of 80 columns, nothing cut."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from gatewayd.cli import COMMANDS, main

WIDTH = 80


def commands() -> Iterator[tuple[str, ...]]:
    """The words of every command and of every group, but of those for the installer."""
    context = click.Context(main)
    for name, entry in COMMANDS.items():
        if entry.hidden:
            continue
        yield (name,)
        command = main.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((name, each) for each in command.commands)


ALL = list(commands())


def help_of(*words: str, language: str = "en") -> str:
    result = CliRunner().invoke(main, [*words, "--help"], env={"LC_ALL": language}, terminal_width=WIDTH)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("words", [(), *ALL], ids=" ".join)
def test_the_help_fits_and_is_not_cut(words: tuple[str, ...], language: str) -> None:
    shown = help_of(*words, language=language)
    assert all(len(line) <= WIDTH for line in shown.splitlines()), shown
    assert "..." not in shown.replace("]...", "").replace("port2, ...", "")


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_a_command_has_examples_that_can_be_typed(words: tuple[str, ...]) -> None:
    _, _, examples = help_of(*words).partition("Examples:\n")
    lines = [line.strip() for line in examples.partition("\n\n")[0].splitlines() if line.strip()]
    assert lines, f"gatewayd {' '.join(words)} has no examples"
    for line in lines:
        typed = shlex.split(re.split(r" [<>]", line)[0])
        assert typed[0] in ("gatewayd", "sudo")
        _parse(typed[typed.index("gatewayd") + 1 :])


def _parse(arguments: list[str]) -> None:
    """Parse a command line with the commands' own parsers. Raises click.UsageError."""
    command: click.Command = main
    context = click.Context(main, info_name="gatewayd")
    while isinstance(command, click.Group):
        found = command.get_command(context, arguments[0])
        if found is None:  # a group with a default command
            found = command.commands[vars(type(command))["default_command"]]
        else:
            arguments = arguments[1:]
        command, context = found, click.Context(found, parent=context, info_name=found.name)
    _, rest, _ = command.make_parser(context).parse_args(list(arguments))
    assert rest == []


@pytest.mark.parametrize("place", ["before", "behind"])
def test_the_configuration_is_named_before_or_behind_the_command(tmp_path: object, place: str) -> None:
    named = ["--config", f"{tmp_path}/missing.toml"]
    typed = [*named, "sim", "list"] if place == "before" else ["sim", "list", *named]
    result = CliRunner().invoke(main, typed)
    assert result.exit_code == 1
    assert f"{tmp_path}/missing.toml: there is no such file" in result.stderr
