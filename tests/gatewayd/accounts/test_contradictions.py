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

    def does(self, *words: str | int) -> list[str]:
        """Run a command successfully; its notes, which are the same in JSON and on standard error."""
        command = ["--config", str(self.config), *map(str, words)]
        told: dict[str, Any] = json.loads(self._run(*command, "--json").stdout)
        notes: list[str] = told.get("notes", [])
        if words[1] == "set":  # again without --json: the same notes on standard error
            said = self._run(*command)
            assert [line.removeprefix("gatewayd: ") for line in said.stderr.splitlines()] == notes
            assert "notes" not in said.stdout
        return notes

    def check(self) -> list[str]:
        done = CliRunner().invoke(main, ["--config", str(self.config), "check", "--json"])
        checks = json.loads(done.stdout)["checks"]
        return [check["text"] for check in checks if check["about"] == "accounts"]

    def _run(self, *command: str) -> Any:
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
        return done


@pytest.fixture
def admin(tmp_path: Path) -> Administrator:
    return Administrator(tmp_path)


def test_check_reports_that_no_client_can_send_until_one_can(admin: Administrator) -> None:
    assert admin.check() == [
        "There is no company, so no client can send: `gatewayd company add NAME` makes one."
    ]
    assert admin.does("company", "add", "Pharmacie") == []
    assert "No API key is valid" in admin.check()[0]
    assert admin.does("key", "add", "--company", 1) == []
    assert admin.check() == ["There is an active company with an active key."]
    admin.does("key", "set", 1, "--active", "no")
    assert "No API key is valid" in admin.check()[0]
    admin.does("key", "set", 1, "--active", "yes")
    admin.does("company", "set", 1, "--active", "no")
    assert "No company is active" in admin.check()[0]
    assert any("Key 1 is refused while its company 1 is not active" in text for text in admin.check())


ONE = ("company", "add", "Pharmacie du Fleuve")


@pytest.mark.parametrize(
    ("before", "words", "note"),
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
    admin: Administrator, before: list[tuple[str | int, ...]], words: tuple[str | int, ...], note: str
) -> None:
    for each in before:
        assert admin.does(*each) == []
    notes = admin.does(*words)
    assert any(note in each for each in notes), notes
    assert set(notes) <= set(admin.check())


def test_settings_without_a_contradiction_are_not_reported(admin: Administrator) -> None:
    for words in (
        ONE,
        ("company", "add", "Banque", "--quota", "100"),
        ("key", "add", "--company", 1, "--expires", "2090-01-01"),
        ("sim", "set", 1, "--company", 1, "--default"),
        ("sim", "set", 2, "--number", "+22370000009", "--daily-limit", "10", "--monthly-limit", "300"),
    ):
        assert admin.does(*words) == []
    assert admin.check() == ["There is an active company with an active key."]


@pytest.fixture
def fails(running: Any) -> Callable[..., str]:
    def fails(*words: str) -> str:
        done = running.cli_raw("send", "+22370123456", "x", *words)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        return str(done.stderr)

    return fails


def test_a_send_with_an_unusable_sim_gives_the_reason(running: Any, fails: Callable[..., str]) -> None:
    assert "there is no SIM 99: `gatewayd sim list` shows them" in fails("--sim", "99")
    other = running.cli("company", "add", "Another that sends")["id"]
    assert "SIM 1 belongs to company 1: send with --company 1" in fails("--sim", "1", "--company", str(other))
    sim = running.cli("sim", "list")[-1]["id"]
    running.cli("sim", "set", sim, "--enabled", "no")
    try:
        assert f"SIM {sim} is disabled" in fails("--sim", str(sim))
    finally:
        running.cli("sim", "set", sim, "--enabled", "yes")
