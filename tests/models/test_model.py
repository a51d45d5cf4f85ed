"""The check of the model judges what spin says, knows every rule and mutation, and reports what is missing or broken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.check_model import MODEL, ModelError, Runner, judge, read_parameters, with_their_bases
from tools.model_configurations import CONFIGURATIONS, FAULTS, RULES, Configuration

ROOT = Path(__file__).parents[2]
PARAMETERS = read_parameters(MODEL.read_text())
COMPLETE = "State-vector 140 byte, depth reached 178, errors: 0\n    18859 states, stored\n"
CHANGES = [configuration.change for configuration in CONFIGURATIONS if configuration.change]


def mutations() -> list[str]:
    """Every mutation that the model lists."""
    listed = MODEL.read_text().partition("/* Mutations")[2].partition("#ifndef MUTATION")[0]
    return re.findall(r"^#define (\w+) \d+", listed, re.MULTILINE)


def tool(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ if path is None else {**os.environ, "PATH": path}
    command = [sys.executable, str(ROOT / "tools" / "check_model.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_every_mutation_and_every_rule_has_a_configuration_that_must_fail() -> None:
    assert len(mutations()) == 15
    assert {value for name, value in CHANGES if name == "MUTATION"} == set(mutations())
    assert {name for name, _ in CHANGES if name != "MUTATION"} == set(RULES)


def test_the_rules_and_faults_are_parameters_of_the_model() -> None:
    used = {name for configuration in CONFIGURATIONS for name in configuration.settings}
    assert used | set(RULES) | set(FAULTS) <= set(PARAMETERS.defaults)


def test_a_name_stands_for_one_configuration() -> None:
    names = [configuration.name for configuration in with_their_bases(CONFIGURATIONS, quick=False)]
    assert sorted(set(names)) == sorted(names)


def test_each_change_is_compared_with_the_same_search_without_it() -> None:
    searches = [row for row in with_their_bases(CONFIGURATIONS, quick=False) if row.change is None]
    for configuration in CONFIGURATIONS:
        base = configuration.base()
        assert any(row.settings == base.settings and row.cycles == base.cycles for row in searches)


def test_every_property_rule_and_mutation_is_explained() -> None:
    text = (MODEL.parent / "README.md").read_text()
    for name in (*RULES, *mutations()):
        assert f"| `{name}` |" in text


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        (COMPLETE, "holds"),
        (
            "pan:1: assertion violated (a==b) (at depth 7)\n" + COMPLETE.replace("errors: 0", "errors: 1"),
            "fails",
        ),
        ("\tnon-progress cycles \t+ (fairness disabled)\n" + COMPLETE, "holds"),
        ("pan:1: non-progress cycle (at depth 9)\n" + COMPLETE.replace("errors: 0", "errors: 1"), "fails"),
        ("error: max search depth too small\n" + COMPLETE, "cut off"),
        ("pan: reached -DMEMLIM bound\nWarning: Search not completed\n" + COMPLETE, "cut off"),
        ("", "cut off"),
        ("pan:1: invalid end state (at depth 3)\n" + COMPLETE.replace("errors: 0", "errors: 1"), "cut off"),
    ],
)
def test_only_a_complete_search_without_an_error_holds(output: str, verdict: str) -> None:
    assert judge(output, 1.0).text == verdict


def test_a_missing_tool_is_told_in_one_sentence(tmp_path: Path) -> None:
    done = tool("--quick", path=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == "spin and gcc must be installed to check the model: apt-get install spin gcc\n"
    assert done.stderr == ""


def test_a_name_that_fits_nothing_is_told() -> None:
    done = tool("--quick", "--only", "no such name")
    assert (done.returncode, done.stderr) == (1, "")


NEEDS_SPIN = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("gcc")), reason="needs spin and gcc"
)


@pytest.mark.bench  # it compiles a search: tens of seconds of a core
@NEEDS_SPIN
def test_a_model_that_breaks_a_promise_ends_the_check_with_1(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pml"
    broken.write_text(MODEL.read_text().replace("row_state[m] = a; result = 1;", "result = 1;"))
    done = tool("--quick", "--only", "no fault", "--model", str(broken))
    assert done.returncode == 1
    assert "WRONG: fails, must be: holds" in done.stdout


@pytest.mark.bench  # it compiles a search: tens of seconds of a core
@NEEDS_SPIN
def test_a_change_that_nothing_catches_ends_the_check_with_1(tmp_path: Path) -> None:
    deaf = tmp_path / "deaf.pml"
    deaf.write_text(re.sub(r"\bassert\(", "(true || ", MODEL.read_text()))
    done = tool("--quick", "--only", "START_NOT_AWAITED", "--model", str(deaf))
    assert done.returncode == 1
    assert "WRONG: holds, must be: fails" in done.stdout


@NEEDS_SPIN
def test_a_model_that_spin_refuses_is_told(tmp_path: Path) -> None:
    refused = tmp_path / "refused.pml"
    refused.write_text(MODEL.read_text() + "\nproctype {\n")
    runner = Runner(refused, tmp_path, "-O0", 18, 60)
    search: Configuration = CONFIGURATIONS[0]
    with pytest.raises(ModelError, match="spin refused the model"):
        runner.compile(runner.program(search))
