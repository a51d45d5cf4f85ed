"""Contradictory settings are reported by the command that makes them, and by `gatewayd check`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gatewayd.cli import main
from gatewayd.store.engine.connection import Connection
from gatewayd.store.store import Store
from gatewayd.store.tables import sims
from tests.conftest import free_port


def see_three(db: Connection) -> None:
    for number in (1, 2, 3):
        iccid = f"892230000000000000{number}"
        sims.seen(db, iccid, "", f"+2237000000{number}", "Orange", number, 1, 0)


class Administrator:
    """An administrator at a box without a daemon, with some SIMs that were seen once."""

    def __init__(self, path: Path) -> None:
        self.config = path / "gatewayd.toml"
        self.config.write_text(
            f'[api]\nlisten = "127.0.0.1:{free_port()}"\n[store]\npath = "{path}/gatewayd.db"\n'
        )
        store = Store(path / "gatewayd.db")
        store.open()
        store.write(see_three)
        store.close()

    def run(self, *arguments: str | int) -> list[str]:
        """Run a command successfully; its notes, which are the same in JSON and on standard error."""
        command = ["--config", str(self.config), *map(str, arguments)]
        document: dict[str, Any] = json.loads(self._invoke(*command, "--json").stdout)
        notes: list[str] = document.get("notes", [])
        if arguments[1] == "set":  # again without --json: the same notes on standard error
            result = self._invoke(*command)
            assert [line.removeprefix("gatewayd: ") for line in result.stderr.splitlines()] == notes
            assert "notes" not in result.stdout
        return notes

    def check(self) -> list[str]:
        result = CliRunner().invoke(main, ["--config", str(self.config), "check", "--json"])
        checks = json.loads(result.stdout)["checks"]
        return [check["text"] for check in checks if check["about"] == "accounts"]

    def _invoke(self, *command: str) -> Any:
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
        return result


@pytest.fixture
def admin(tmp_path: Path) -> Administrator:
    return Administrator(tmp_path)


def test_check_reports_that_no_client_can_send_until_one_can(admin: Administrator) -> None:
    assert admin.check() == [
        "There is no company, so no client can send: `gatewayd company add NAME` makes one."
    ]
    assert admin.run("company", "add", "Pharmacie") == []
    assert "No API key is valid" in admin.check()[0]
    assert admin.run("key", "add", "--company", 1) == []
    assert admin.check() == ["There is an active company with an active key."]
    admin.run("key", "set", 1, "--active", "no")
    assert "No API key is valid" in admin.check()[0]
    admin.run("key", "set", 1, "--active", "yes")
    admin.run("company", "set", 1, "--active", "no")
    assert "No company is active" in admin.check()[0]
    assert any("Key 1 is refused while its company 1 is not active" in text for text in admin.check())


ONE = ("company", "add", "Pharmacie du Fleuve")


@pytest.mark.parametrize(
    ("before", "command", "note"),
    [
        ([ONE], ("company", "add", "Pharmacie du Fleuve"), "the same name as company 1"),
        ([ONE], ("company", "add", "PHARMACIE  du fleuve"), "the same name as company 1"),
        ([ONE, ("company", "add", "B")], ("company", "set", 2, "--name", ONE[2]), "the same name as company 1"),
        ([], ("company", "add", "A", "--quota", "0"), "a quota of 0"),
        ([ONE], ("key", "add", "--company", 1, "--expires", "2020-01-01"), "has expired already"),
        ([ONE, ("key", "add", "--company", 1)], ("key", "set", 1, "--expires", "2020-01-01"), "has expired already"),
        ([ONE], ("key", "add", "--company", 1, "--service", "email"), "for the service email"),
        ([ONE, ("company", "set", 1, "--active", "no")], ("key", "add", "--company", 1), "company 1 is not active"),
        ([], ("sim", "set", 2, "--number", "+22370000001"), "the same number as SIM 1"),
        ([("sim", "set", 1, "--number", "+22376543210")], ("sim", "set", 3, "--number", "76543210"), "as SIM 1"),
        ([], ("sim", "set", 1, "--default"), "belongs to no company"),
        ([ONE, ("sim", "set", 1, "--company", 1, "--default")], ("sim", "set", 1, "--enabled", "no"), "but disabled"),
        ([ONE, ("company", "set", 1, "--active", "no")], ("sim", "set", 1, "--company", 1), "which is not active"),
        ([], ("sim", "set", 1, "--daily-limit", "0"), "a limit of 0"),
        ([], ("sim", "set", 1, "--monthly-limit", "0"), "a limit of 0"),
        ([], ("sim", "set", 1, "--daily-limit", "100", "--monthly-limit", "50"), "less in a month than in a day"),
    ],
)  # fmt: skip
def test_a_contradiction_is_reported_by_its_command_and_by_check(
    admin: Administrator, before: list[tuple[str | int, ...]], command: tuple[str | int, ...], note: str
) -> None:
    for line in before:
        assert admin.run(*line) == []
    notes = admin.run(*command)
    assert any(note in line for line in notes), notes
    assert set(notes) <= set(admin.check())


def test_settings_without_a_contradiction_are_not_reported(admin: Administrator) -> None:
    for command in (
        ONE,
        ("company", "add", "Banque", "--quota", "100"),
        ("key", "add", "--company", 1, "--expires", "2090-01-01"),
        ("sim", "set", 1, "--company", 1, "--default"),
        ("sim", "set", 2, "--number", "+22370000009", "--daily-limit", "10", "--monthly-limit", "300"),
    ):
        assert admin.run(*command) == []
    assert admin.check() == ["There is an active company with an active key."]


@pytest.fixture
def failed_send(running: Any) -> Callable[..., str]:
    def failed_send(*command: str) -> str:
        result = running.cli_raw("send", "+22370123456", "x", *command)
        assert result.returncode == 1
        assert result.stderr.count("\n") == 1
        return str(result.stderr)

    return failed_send


def test_a_send_with_an_unusable_sim_gives_the_reason(running: Any, failed_send: Callable[..., str]) -> None:
    assert "there is no SIM 99: `gatewayd sim list` shows them" in failed_send("--sim", "99")
    other_company = running.cli("company", "add", "Another company")["id"]
    assert "SIM 1 belongs to company 1: it sends for no other one" in failed_send(
        "--sim", "1", "--company", str(other_company)
    )
    sim = running.cli("sim", "list")[-1]["id"]
    running.cli("sim", "set", sim, "--enabled", "no")
    try:
        assert f"SIM {sim} is disabled" in failed_send("--sim", str(sim))
    finally:
        running.cli("sim", "set", sim, "--enabled", "yes")
