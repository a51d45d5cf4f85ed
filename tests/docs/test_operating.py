"""Every command in the documents exists; those of the operator's guide work; the French translation has the same structure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gatewayd.cli import main
from tests.conftest import Running
from tests.docs.documents import DOCS, ROOT, blocks, headings, shell_lines

GUIDE, FRENCH = "operating.md", "exploitation.md"

# These need a person or free modems, or run until Ctrl-C.
NOT_RUN = ("ports", "watch", "ussd", "simulate", "loop-test", "support", "backup", "check")


def commands_in(document: Path) -> Iterator[str]:
    """The `gatewayd` command lines of a document, in its shell blocks and between backticks."""
    text = document.read_text(encoding="utf-8")
    for found in re.finditer(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from _gatewayd_commands(shell_lines(found[1]))
    yield from _gatewayd_commands(
        re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    )


def _gatewayd_commands(lines: Iterator[str] | list[str]) -> Iterator[str]:
    for line in lines:
        command_line = re.sub(r"^sudo (-u \S+ )?", "", line.strip())
        if re.match(r"gatewayd (-|[a-z]+( |$|-))", command_line) and "…" not in command_line:
            yield command_line


ALL = sorted(
    {
        (document.name, line)
        for document in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
        for line in commands_in(document)
    }
)


@pytest.mark.parametrize(("document", "line"), ALL)
def test_a_command_that_a_document_names_exists_with_its_options(document: str, line: str) -> None:
    arguments = shlex.split(line, comments=True)[1:]
    command: click.Command = main
    while arguments:
        if arguments[0].startswith("-") and arguments[0] != "-":  # that means standard input
            name = arguments[0].partition("=")[0]
            known = {option for each in command.params for option in [*each.opts, *each.secondary_opts]}
            assert name in known | {"--help"}, f"{document}: {line}"
        elif isinstance(command, click.Group) and (
            found := command.get_command(click.Context(command), arguments[0])
        ):
            command = found
        elif isinstance(command, click.Group) and hasattr(command, "default_command"):
            command = command.commands[command.default_command]
            continue
        elif isinstance(command, click.Group) and not _is_value(command, arguments[0]):
            assert arguments[0].isupper(), f"{document}: {line}: there is no {arguments[0]}"
        arguments = arguments[1:]


def _is_value(group: click.Group, word: str) -> bool:
    """Whether a word before the command is the value of an option of the group, as a file."""
    return "/" in word or word == "FILE"


def test_the_french_guide_has_the_same_headings_commands_and_tables() -> None:
    assert [level for level, _ in headings(GUIDE)] == [level for level, _ in headings(FRENCH)]
    english, french = blocks(GUIDE), blocks(FRENCH)
    assert [block.language for block in english] == [block.language for block in french]
    for english_block, french_block in zip(english, french, strict=True):
        assert _without_quoted_text(english_block.text) == _without_quoted_text(french_block.text)
    assert _shape(GUIDE) == _shape(FRENCH)


def _without_quoted_text(text: str) -> list[str]:
    """The commands of a block without quoted words, which are written in the reader's language."""
    return [re.sub(r'"[^"]*"', '""', line) for line in shell_lines(text)]


def _shape(document: str) -> list[tuple[str, list[str]]]:
    """The marker and the code words of each line of a list or table: they are the same in every language."""
    shape = []
    for line in (DOCS / document).read_text(encoding="utf-8").splitlines():
        if found := re.match(r"\||- |\d\. ", line):
            shape.append((found[0], sorted(re.findall(r"`[^`]+`", line))))
    return shape


def test_the_commands_of_the_guide_work_in_their_order(running: Running) -> None:
    lines = [
        line
        for block in blocks(GUIDE)
        if block.language == "sh"
        for line in _gatewayd_commands(shell_lines(block.text))
        if line.split()[1] not in NOT_RUN and " ID" not in line
    ]
    assert len(lines) >= 10
    config = str(running.state / "gatewayd.toml")
    try:
        for line in lines:
            result = CliRunner().invoke(main, ["--config", config, *shlex.split(line)[1:]])
            assert result.exit_code == 0, f"{line}: {result.output}"
    finally:  # other tests use this gateway, too
        running.cli("sim", "set", 1, "--number", "none", "--name", "none", "--daily-limit", "none")
