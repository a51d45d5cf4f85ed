"""A repeated set-up does nothing, an interrupted one is repaired, and missing programs are named.

The script is the real one; the Pythons it finds are small programs, since the tests must not need a network.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "setup_venv.sh"

# A replacement for Python and for the Python and pip of the virtual environment.
PYTHON = """#!/bin/sh
case "$*" in
    *'sys.exit'*) exit "${OLD:-0}" ;;
    *print*) echo "${VERSION:-3.11}" ;;
    *ensurepip*) exit "${NO_VENV:-0}" ;;
    --version) echo "Python 3.11.0" ;;
    '-m venv '*) echo venv >>calls; mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    *pip*) echo "pip $*" >>calls; ${PIP_INTERRUPTS:+kill -9 $PPID}; echo "${PIP_SAYS:-}"; exit "${PIP_FAILS:-0}" ;;
esac
"""


class Project:
    """A folder with a space in its name, four Pythons on the path, and a record of their calls."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a project"
        self.root.mkdir()
        self.venv = self.root / ".venv"
        for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
            (self.root / name).write_text(name)
        self._path = folder / "bin"
        self._path.mkdir()
        for name in ("python3", "python3.11", "python3.12", "python3.13", "cc", "gcc"):
            (self._path / name).write_text(PYTHON)
            (self._path / name).chmod(0o755)
        self._search = f"{self._path}:{os.environ['PATH']}"

    def forget(self, *names: str) -> None:
        """Hide these programs."""
        for name in ("cat", "cksum", "cp", "grep", "mkdir", "mv", "rm", "sh"):
            found = shutil.which(name)
            assert found
            (self._path / name).symlink_to(found)
        for name in names:
            (self._path / name).unlink()
        self._search = str(self._path)

    def set_up(self, wanted: str = "run", **environment: str) -> tuple[int, str]:
        """Run the script; return exit code and output."""
        done = subprocess.run(
            ["/bin/sh", SCRIPT, wanted],
            cwd=self.root,
            env={"PATH": self._search} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def calls(self) -> list[str]:
        """Return the calls of Python since the last call."""
        path = self.root / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line.split(" install --quiet --editable ")[-1] for line in lines]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_second_time_does_nothing(project: Project) -> None:
    assert project.set_up()[0] == 0
    assert project.calls() == ["venv", "."]
    assert project.set_up() == (0, "")
    assert project.calls() == []


def test_the_development_tools_are_added_and_the_environment_also_serves_for_running(
    project: Project,
) -> None:
    project.set_up("run")
    project.calls()
    assert project.set_up("dev")[0] == 0
    assert project.calls() == [".[dev]"]
    assert project.set_up("run") == (0, "")
    assert project.calls() == []


def test_changed_metadata_updates_the_environment(project: Project) -> None:
    project.set_up()
    project.calls()
    (project.root / "setup.cfg").write_text("other")
    assert project.set_up()[0] == 0
    assert project.calls() == ["."]


def test_an_interrupted_set_up_is_repeated(project: Project) -> None:
    project.set_up()
    project.calls()
    (project.venv / ".installed-run").unlink()
    (project.venv / "rest").touch()
    assert project.set_up()[0] == 0
    assert project.calls() == ["venv", "."]
    assert not (project.venv / "rest").exists()


def test_an_interrupted_update_is_repeated(project: Project) -> None:
    project.set_up()
    (project.root / "setup.cfg").write_text("other")
    assert project.set_up(PIP_INTERRUPTS="1")[0] == -signal.SIGKILL
    project.calls()
    assert project.set_up()[0] == 0
    assert project.calls() == ["venv", "."]


def test_an_environment_without_its_python_is_rebuilt(project: Project) -> None:
    project.set_up()
    project.calls()
    (project.venv / "bin" / "python").unlink()
    assert project.set_up()[0] == 0
    assert project.calls() == ["venv", "."]


def test_another_requested_python_rebuilds_the_environment(project: Project) -> None:
    project.set_up()
    project.calls()
    other = project.root / "other-python"
    other.write_text(PYTHON.replace("${VERSION:-3.11}", "3.13"))
    other.chmod(0o755)
    assert project.set_up(PYTHON="./other-python")[0] == 0
    assert project.calls() == ["venv", "."]


def test_a_failed_update_keeps_the_working_environment(project: Project) -> None:
    project.set_up()
    before = (project.root / "setup.cfg").read_text()
    (project.root / "setup.cfg").write_text("other")
    assert project.set_up(PIP_FAILS="1")[0] == 1
    (project.root / "setup.cfg").write_text(before)
    assert project.set_up() == (0, "")


def test_a_failed_first_set_up_is_tried_again(project: Project) -> None:
    assert project.set_up(PIP_FAILS="1")[0] == 1
    project.calls()
    assert project.set_up()[0] == 0
    assert project.calls() == ["venv", "."]


def test_a_missing_python_that_is_new_enough_is_named(project: Project) -> None:
    code, output = project.set_up(OLD="1")
    assert code == 1
    assert "there is no Python 3.11 or newer" in output
    assert "sudo apt install python3 python3-venv" in output


def test_a_requested_python_that_does_not_run_is_named(project: Project) -> None:
    code, output = project.set_up(PYTHON="/nowhere/python")
    assert code == 1
    assert "PYTHON=/nowhere/python does not run, or is older than Python 3.11" in output


def test_a_missing_venv_module_is_named_with_its_package(project: Project) -> None:
    code, output = project.set_up(NO_VENV="1")
    assert code == 1
    assert "lacks its venv module" in output
    assert "sudo apt install python3.11-venv" in output
    assert not project.venv.exists()


def test_a_missing_network_is_named(project: Project) -> None:
    code, output = project.set_up(
        PIP_FAILS="1", PIP_SAYS="ERROR: Could not find a version (from versions: none)"
    )
    assert code == 1
    assert "could not be fetched" in output
    assert "needs a network" in output


def test_a_missing_compiler_is_named(project: Project) -> None:
    project.forget("cc", "gcc")
    code, output = project.set_up(PIP_FAILS="1", PIP_SAYS="error: command 'cc' failed: No such file")
    assert code == 1
    assert "there is no compiler" in output
    assert "sudo apt install build-essential python3-dev" in output


def test_any_other_output_of_pip_is_shown(project: Project) -> None:
    code, output = project.set_up(PIP_FAILS="1", PIP_SAYS="something unheard of")
    assert code == 1
    assert "something unheard of" in output
