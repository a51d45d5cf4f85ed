"""The command line speaks the language of the environment or of `daemon.language`; `--json` is English."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.language.catalogue import sentence
from gatewayd.cli import main
from gatewayd.commands.common import NO_CHANGE
from gatewayd.commands.invocation import chosen_language
from gatewayd.daemon.control_client import ask
from tests.conftest import Running

FRENCH = {"LC_ALL": "fr_FR.UTF-8"}


@pytest.mark.parametrize(
    ("environment", "setting", "language"),
    [
        ({}, "", "en"),
        ({"LANG": "fr_FR.UTF-8"}, "", "fr"),
        ({"LANG": "fr_FR.UTF-8"}, "en", "en"),
        ({"LANG": "C.UTF-8"}, "fr", "fr"),
        ({"LC_ALL": "C.UTF-8", "LANG": "fr_ML.UTF-8"}, "", "fr"),
        ({"LC_MESSAGES": "fr"}, "en", "fr"),
        ({"LC_ALL": "en_GB.UTF-8", "LC_MESSAGES": "fr"}, "fr", "en"),
        ({"LC_ALL": "de_DE.UTF-8"}, "fr", "en"),
        ({"LC_ALL": "C"}, "fr", "en"),
        ({"LANG": "fr"}, None, "fr"),
        ({}, "xx", "en"),
    ],
)
def test_the_language_is_chosen(environment: Mapping[str, str], setting: str | None, language: str) -> None:
    assert chosen_language(environment, setting) == language


def gatewayd(config: Path, *arguments: str, **environment: str) -> Result:
    """Run a command in this process, with these variables."""
    return CliRunner().invoke(main, [*arguments, "--config", str(config)], env=environment)


@pytest.fixture
def config(running: Running) -> Path:
    return running.state / "gatewayd.toml"


def test_status_check_and_lists_are_french(config: Path) -> None:
    status = gatewayd(config, "status", **FRENCH)
    assert status.exit_code == 0, status.output
    assert "opérateur" in status.stdout
    assert "fonctionne depuis" in status.stdout
    assert "L'heure est celle du réseau mobile." in " ".join(
        status.stdout.split()
    )  # a sentence of the daemon
    assert "Il fonctionne et répond." in gatewayd(config, "check", **FRENCH).stdout
    assert "oui" in gatewayd(config, "company", "list", **FRENCH).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("sim", "show", "999"), 1, "il n'y a pas de carte SIM 999"),
        (("opt-out", "add", "12"), 2, "Le destinataire doit correspondre"),
        (("sim", "sho"), 2, "Il n'y a pas de commande 'sho'"),
        (("sim", "set", "1"), 2, sentence(NO_CHANGE, "fr")),
        (("key", "add", "--company", "1", "--expires", "soon"), 2, "doit être une date"),
    ],
)
def test_errors_are_french(config: Path, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    result = gatewayd(config, *arguments, **FRENCH)
    assert result.exit_code == code
    assert sentence.lower() in result.stderr.lower()
    english = json.loads(gatewayd(config, *arguments, "--json", **FRENCH).stdout)["error"]
    assert sentence.lower() not in english.lower()


def test_faults_of_the_configuration_are_french(tmp_path: Path) -> None:
    config = tmp_path / "gatewayd.toml"
    config.write_text('[daemon]\nlanguage = "fr"\n[api]\nthreads = 0\nbulk = 3\n')
    result = gatewayd(config, "company", "add", "A", LC_MESSAGES="")
    assert result.exit_code == 1
    assert "ligne 4 : [api] threads doit être au moins 1" in result.stderr
    assert "ligne 5 : [api] bulk n'est pas une clé connue ; vouliez-vous dire « bulk_max » ?" in result.stderr


def test_the_help_and_its_headings_are_french(config: Path) -> None:
    for arguments in (("--help",), ("sim", "--help"), ("send", "--help")):
        shown = CliRunner().invoke(main, arguments, env=FRENCH).stdout
        assert shown.startswith("Utilisation : ")
        assert "Affiche cette aide." in shown
        assert "Exemples :" in shown
    assert CliRunner().invoke(main, ["send", "--help"]).stdout.startswith("Usage: ")  # the next call is not


def test_the_control_socket_answers_in_the_language_of_the_request(running: Running) -> None:
    store = running.state / "gatewayd.db"
    details = {
        language: ask(store, "status", {}, 30, language)["clock"]["detail"]  # type: ignore[index]
        for language in ("en", "fr")
    }
    assert details == {
        "en": "The time is that of the mobile network.",
        "fr": "L'heure est celle du réseau mobile.",
    }
