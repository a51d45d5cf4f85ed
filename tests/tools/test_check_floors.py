"""The floors check sees what it must, and lets the rest pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "check_floors.py"


def check(root: Path, files: dict[str, str]) -> list[str]:
    """Run the check on a small tree; its lines, and an exit code that agrees with them."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == (1 if lines else 0), done.stderr
    return lines


def test_our_own_tree_follows_its_floors() -> None:
    done = subprocess.run([sys.executable, SCRIPT, ROOT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_tree_that_imports_downwards_passes(tmp_path: Path) -> None:
    files = {
        "config/settings.py": "import tomllib",
        "modem/port/port.py": "import serial\nimport threading\nfrom config.settings import x",
        "gatewayd/store/engine/writer.py": "import sqlite3\nfrom modem import port",
        "gatewayd/gateway.py": "from gatewayd.store.engine.writer import x",
        "api/app.py": "import flask\nfrom gatewayd import gateway",
        "gatewayd/commands/run.py": "from api.app import x",
        "gatewayd/cli.py": "from gatewayd.commands import run",
        "tests/test_all.py": "import gatewayd.cli, sqlite3",
    }
    assert check(tmp_path, files) == []


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "config/a.py",
            "import modem.at.channel",
            "config/a.py:1: on floor 0, must not import modem/at/channel.py, on floor 1",
        ),
        ("modem/a.py", "from gatewayd.store import writer", "gatewayd/store/engine/writer.py, on floor 2"),
        ("gatewayd/store/a.py", "from gatewayd import gateway", "gatewayd/gateway.py, on floor 3"),
        ("gatewayd/store/a.py", "from ..gateway import x", "gatewayd/gateway.py, on floor 3"),
        ("gatewayd/store/a.py", "from .. import gateway", "gatewayd/gateway.py, on floor 3"),
        ("gatewayd/a.py", "from api.app import create", "api/app.py, on floor 4"),
        ("api/a.py", "from gatewayd.daemon.daemon import run", "gatewayd/daemon/daemon.py, on floor 5"),
        ("gatewayd/a.py", "import gatewayd.commands.run", "gatewayd/commands/run.py, on floor 5"),
        ("gatewayd/a.py", "from tests.helper import x", "tests/helper.py, on floor 6"),
        ("gatewayd/a.py", "def f():\n    from api import app", "gatewayd/a.py:2: "),
        (
            "gatewayd/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import api.app",
            "gatewayd/a.py:3: ",
        ),
        ("api/a.py", "import sqlite3", "must not know sqlite3"),
        ("api/a.py", "from threading import Lock", "must not know threading"),
        ("api/a.py", "from concurrent.futures import Future", "must not know concurrent"),
        ("api/a.py", "import serial.tools.list_ports", "must not know serial"),
        ("gatewayd/a.py", "import sqlite_utils", "must not know sqlite_utils"),
        ("gatewayd/cli.py", "import sqlite3", "must not know sqlite3"),
        ("gatewayd/a.py", "from flask import request", "must not know flask"),
        ("gatewayd/a.py", "import serial", "must not know serial"),
        ("gatewayd/store/a.py", "import waitress", "must not know waitress"),
        ("modem/a.py", "import sqlite3", "must not know sqlite3"),
    ],
)
def test_an_import_against_the_floors_is_told(tmp_path: Path, file: str, text: str, said: str) -> None:
    others = [
        "modem/at/channel.py",
        "gatewayd/store/engine/writer.py",
        "gatewayd/gateway.py",
        "gatewayd/daemon/daemon.py",
    ]
    others += ["gatewayd/commands/run.py", "api/app.py", "tests/helper.py"]
    lines = check(tmp_path, dict.fromkeys(others, "") | {file: text})
    assert len(lines) == 1
    assert said in lines[0]
    assert lines[0].startswith(f"{file}:")


def test_a_circle_is_told_once_with_its_way(tmp_path: Path) -> None:
    files = {
        "modem/a.py": "from modem.b import x",
        "modem/b.py": "def f():\n    import modem.c",
        "modem/c.py": "from . import a",
        "modem/d.py": "import modem.a",
    }
    assert check(tmp_path, files) == [
        "modem/a.py:1: a circle of imports: modem/a.py -> modem/b.py -> modem/c.py -> modem/a.py"
    ]


def test_type_checking_alone_makes_no_circle(tmp_path: Path) -> None:
    files = {
        "modem/a.py": "from modem.b import x",
        "modem/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from modem.a import y",
    }
    assert check(tmp_path, files) == []


def test_a_named_exception_holds_for_its_file_and_library_alone(tmp_path: Path) -> None:
    files = {"api/server/server.py": "import threading\nimport sqlite3", "api/app.py": "import threading"}
    assert check(tmp_path, files) == [
        "api/app.py:1: must not know threading",
        "api/server/server.py:2: must not know sqlite3",
    ]
