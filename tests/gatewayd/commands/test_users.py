"""`gatewayd user` and `gatewayd dashboard-token`."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from gatewayd.accounts.persons import Role
from gatewayd.cli import main
from gatewayd.commands.users import ROLES
from tests.conftest import Running
from tests.dashboard_visitor import PASSWORD, Visitor, add_person, box

NEW = "cinq chiens aboient"


def run(config: Path, *arguments: str, typed: str = "") -> tuple[int, str]:
    """The exit code of a command, and its output."""
    result = CliRunner().invoke(main, ["--config", str(config), *arguments], input=typed)
    return result.exit_code, result.output


def test_the_roles_of_the_command_line_are_those_of_the_gateway() -> None:
    assert list(Role) == list(ROLES)


def test_a_person_is_added_and_a_lost_password_is_reset(running: Running) -> None:
    config = running.state / "gatewayd.toml"
    code, _ = run(
        config, "user", "add", "issa", "--role", "operator", "--password-stdin", typed=PASSWORD + "\n"
    )
    assert code == 0
    client = Visitor(box(running))
    assert client.log_in("issa").status_code == 200
    code, _ = run(config, "user", "set", "issa", "--password-stdin", typed=NEW + "\r\n")
    assert code == 0
    assert client.get("/").url.endswith("/login?next=%2F")
    assert client.log_in("issa", NEW).status_code == 200
    code, output = run(config, "user", "remove", "issa")
    assert (code, output) == (0, "issa is removed, and its sessions are closed.\n")


def test_wrong_use_is_refused(running: Running) -> None:
    config = running.state / "gatewayd.toml"
    assert run(config, "user", "set", "issa")[0] == 2
    assert run(config, "user", "add", "issa", "--role", "chief")[0] == 2
    code, output = run(config, "user", "add", "is sa", "--role", "owner", "--password-stdin", typed=PASSWORD)
    assert (code, "a login must be" in output) == (2, True)
    for arguments, typed, reason in (
        (("set", "nobody-here", "--active", "no"), "", "there is no person nobody-here"),
        (("add", "issa", "--role", "owner", "--password-stdin"), "", "standard input has no password"),
        (("add", "issa", "--role", "owner", "--password-stdin"), "short\n", "10 characters or more"),
        (("add", "issa", "--role", "company", "--password-stdin"), PASSWORD, "needs a company"),
        (("add", "issa", "--role", "owner"), PASSWORD, "use --password-stdin"),
    ):
        code, output = run(config, "user", *arguments, typed=typed)
        assert code == 1, arguments
        assert reason in output


def test_the_terminal_does_not_show_the_password(running: Running) -> None:
    login = add_person(running, "operator")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gatewayd.cli", "--config", str(running.state / "gatewayd.toml")),
            *("user", "set", login, "--password"),
        ],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    for prompt in (b"Password: ", b"Repeat for confirmation: "):
        while prompt not in shown:
            shown += os.read(controller, 1000)
        os.write(controller, NEW.encode() + b"\n")
    assert process.wait(60) == 0
    shown += os.read(controller, 10_000)
    os.close(controller)
    assert NEW.encode() not in shown
    assert Visitor(box(running)).log_in(login, NEW).status_code == 200


def test_there_is_no_token_once_a_person_exists(running: Running) -> None:
    add_person(running, "operator")
    code, output = run(running.state / "gatewayd.toml", "dashboard-token")
    assert code == 1
    assert "the dashboard has persons already" in output
