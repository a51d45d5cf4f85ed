"""`gatewayd ussd learn`: a pattern is proposed for an answer, tried on earlier ones, kept, and used from then on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gatewayd.cli import main
from tests.conftest import eventually
from tests.gatewayd.box import Box

CODE = "#123#"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("learn"), slots={1: 1, 2: 1})
    box.config.write_text(box.config.read_text() + '[[balance]]\noperator = "Malitel"\nevery_s = 1\n')
    box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05", "--time-scale", "0.05")
    box.start_quick_gateway(0.1)
    box.sims_ready(2)
    yield box
    box.stop()


@pytest.fixture
def box(bank: Box) -> Iterator[Box]:
    """No answers of the test before, and nothing learned."""
    yield bank
    for learned in bank.cli("ussd", "learned"):
        bank.cli("ussd", "forget", learned["id"])


def learn(box: Box, *arguments: str, answers: str = "") -> Result:
    """The command as a person types it, with these answers to its questions."""
    return CliRunner().invoke(main, ["--config", str(box.config), "ussd", "learn", *arguments], input=answers)


def sim(box: Box, port: int) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in box.cli("sim", "list") if each["port"] == port)
    return found


def test_what_is_read_is_shown_and_kept_only_after_a_yes(box: Box) -> None:
    box.order(do="ussd", code=CODE, answer="Solde 1 250 F. Il reste 45 SMS jusqu'au 31 décembre 2027.")
    asked = learn(box, "1", CODE, answers="n\n")
    assert asked.exit_code == 0, asked.stderr
    assert "balance: 1250.0, texts left: 45, end of the bundle: 2028-01-01 00:00:00" in asked.stdout
    assert "Read the balance of all SIMs of Orange" in asked.stdout
    assert box.cli("ussd", "learned") == []
    assert sim(box, 1)["balance_at"] is None
    assert "It is kept" in learn(box, "1", CODE, answers="y\n").stdout
    [kept] = box.cli("ussd", "learned")
    assert (kept["code"], kept["sim"]) == (CODE, None)
    shown = sim(box, 1)
    assert (shown["balance"], shown["bundle_units"]) == (1250, 45)
    assert shown["bundle_end"] == "2028-01-01T00:00:00.000000Z"
    available = box.get("sms/sims/available")["data"]["available_sims"]
    [first] = [each for each in available if each["id"] == shown["id"]]
    assert (first["bundle_units"], first["bundle_end"]) == (45, "2028-01-01T00:00:00.000000Z")


def test_the_status_shows_balances_and_bundles(box: Box) -> None:
    box.order(do="ussd", code=CODE, answer="Solde 1 250 F. Il reste 45 SMS jusqu'au 31 décembre 2027.")
    told = box.cli("ussd", "learn", 1, CODE, "--yes")
    shown = CliRunner().invoke(main, ["--config", str(box.config), "status"]).stdout
    assert f"SIM {told['sim']}: 1250, 45 texts, until 2028-01-01." in shown


def test_earlier_answers_show_how_far_a_pattern_fits(box: Box) -> None:
    for answer in ("Solde 900 F", "Service indisponible", "Solde 800 F"):
        box.order(do="ussd", code=CODE, answer=answer)
        done = learn(box, "1", CODE)
    assert "Solde 800 F" in done.stdout
    told = box.cli("ussd", "learn", 1, CODE)
    assert told["kept"] is False
    assert [(each["answer"], each["balance"]) for each in told["earlier"][:3]] == [
        ("Solde 800 F", 800),
        ("Service indisponible", None),
        ("Solde 900 F", 900),
    ]
    assert len(told["earlier"]) == 4  # five answers of a SIM are kept


def test_a_menu_is_answered_by_replies(box: Box) -> None:
    menu = learn(box, "1", "*100#")
    assert menu.exit_code == 1
    assert "add `--reply`" in menu.stderr
    told = box.cli("ussd", "learn", 1, "*100#", "--reply", "1", "--for-sim", "--yes")
    assert told["balance"] == 1250
    assert told["kept"]["code"] == "*100# 1"
    assert (told["kept"]["sim"], told["kept"]["operator"]) == (told["sim"], None)


def test_an_answer_without_a_balance_needs_a_pattern_that_fits(box: Box) -> None:
    box.order(do="ussd", code=CODE, answer="Rest 77")
    none = learn(box, "1", CODE)
    assert none.exit_code == 1
    assert "`--pattern`" in none.stderr
    wrong = learn(box, "1", CODE, "--pattern", "(oops")
    assert (wrong.exit_code, "regular expression" in wrong.stderr) == (1, True)
    useless = learn(box, "1", CODE, "--pattern", "x([0-9]+)", "--yes")
    assert (useless.exit_code, "does not fit" in useless.stderr) == (1, True)
    told = json.loads(learn(box, "1", CODE, "--pattern", "Rest ([0-9]+)", "--yes", "--json").stdout)
    assert (told["balance"], told["kept"]["pattern"]) == (77, "Rest ([0-9]+)")


def test_balances_are_read_with_what_was_learned(box: Box) -> None:
    box.order(do="ussd", code="*101#", answer="Credit: 500 F")
    told = box.cli("ussd", "learn", 2, "*101#", "--yes")
    assert told["kept"]["operator"].casefold() == "malitel"
    box.order(do="ussd", code="*101#", answer="Credit: 400 F")
    eventually(lambda: sim(box, 2)["balance"] == 400, 30)
    box.order(do="ussd", code="*101#", answer="Maintenance")
    eventually(lambda: sim(box, 2)["unreadable_since"], 30)
    assert sim(box, 2)["balance"] == 400
    status = box.cli("status")
    [second] = [each for each in status["sims"] if each["id"] == told["sim"]]
    assert second["unreadable_since"]
    assert box.get("health")["data"]["checks"]["balances"]["status"] == "warn"


def test_what_was_learned_is_forgotten(box: Box) -> None:
    box.order(do="ussd", code=CODE, answer="Solde 1 F")
    learned = box.cli("ussd", "learn", 1, CODE, "--yes")["kept"]["id"]
    assert box.cli("ussd", "forget", learned) == []
    assert learn(box, "1", "oops", "--pattern", "x").exit_code == 1


def test_nothing_is_learned_without_a_daemon(tmp_path: Path) -> None:
    config = tmp_path / "gatewayd.toml"
    config.write_text(f'[store]\npath = "{tmp_path}/gatewayd.db"\n')
    box = Box(tmp_path, slots={1: 1})
    box.config = config
    assert "no gatewayd is running" in learn(box, "1", CODE).stderr
