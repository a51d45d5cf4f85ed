"""Commands import only what they need, and the table of commands agrees with the commands."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from gatewayd.accounts import authenticator
from gatewayd.cli import COMMANDS, main
from gatewayd.commands import keys, loop_test
from gatewayd.loop_test import rounds
from tests.conftest import Running

SLOW = ("pydantic", "flask", "waitress", "sqlite_utils", "tabulate")
ABOVE_THE_CLIENT = ("gatewayd.store.store", "gatewayd.admin.commands", "gatewayd.sims.numbering", "flask")


def imported_by(statements: str) -> set[str]:
    """Run statements in a new interpreter; return the names of the imported modules."""
    program = f"import sys\n{statements}\nprint(*sys.modules, sep='\\n')"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines())


def test_help_imports_no_slow_library_and_no_command() -> None:
    statements = """
from gatewayd.cli import main
try:
    main(["--help"], prog_name="gatewayd")
except SystemExit:
    pass
"""
    imported = imported_by(statements)
    assert imported.isdisjoint(SLOW)
    assert {name for name in imported if name.startswith("gatewayd.commands.")} == {
        f"gatewayd.commands.{name}" for name in ("command_help", "invocation", "output", "wrapping")
    }


@pytest.mark.parametrize(
    "module",
    ["status", "watch", "messages", "ussd", "loop_test", "inbox", "backup", "companies", "keys", "sims"],
)
def test_a_command_that_asks_the_daemon_does_not_import_the_gateway(module: str) -> None:
    imported = imported_by(f"import gatewayd.commands.{module}")
    assert imported.isdisjoint((*SLOW, *ABOVE_THE_CLIENT))


def test_asking_the_daemon_imports_no_settings(running: Running) -> None:
    config = str(running.state / "gatewayd.toml")
    statements = f"""
from gatewayd.cli import main
try:
    main(["--config", {config!r}, "status", "--json"], prog_name="gatewayd")
except SystemExit as ended:
    assert ended.code == 0, ended.code
"""
    assert imported_by(statements).isdisjoint((*SLOW, "config.settings", *ABOVE_THE_CLIENT))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_help_in_the_table_begins_the_help_of_the_command(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    listed = click.Command(name, help=COMMANDS[name].short_help)
    assert command.get_short_help_str(limit=200) == listed.get_short_help_str(limit=200)


def test_limits_that_commands_repeat_are_those_of_the_gateway() -> None:
    assert keys.SERVICES == authenticator.SERVICES
    assert loop_test.LONGEST_S == rounds.LONGEST_S


def test_steps_of_the_installer_are_not_listed() -> None:
    assert "installer" not in main.list_commands(click.Context(main))
