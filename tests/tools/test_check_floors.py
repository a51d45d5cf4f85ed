"""The check of floors reports every forbidden import and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "check_floors.py"


def check(root: Path, files: dict[str, str]) -> list[str]:
    """Run the check on a small tree; return its lines, which the exit code must agree with."""
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
        "modem/at/serial_port.py": "import serial\nfrom config.settings import x",
        "modem/port/port.py": "import threading\nfrom modem.at.serial_port import x",
        "gatewayd/store/engine/writer.py": "import sqlite3, threading",
        "gatewayd/store/tables/parts.py": "from gatewayd.store.engine.writer import x",
        "gatewayd/store/store.py": "import sqlite_utils\nfrom gatewayd.store.tables import parts",
        "gatewayd/sending/dispatcher.py": "from gatewayd.store.store import x\nfrom modem.port import port",
        "gatewayd/gateway.py": "from gatewayd.sending.dispatcher import x",
        "api/app.py": "import flask\nfrom gatewayd import gateway",
        "gatewayd/commands/run.py": "from api.app import x",
        "gatewayd/cli.py": "from gatewayd.commands import run",
        "tests/test_all.py": "import gatewayd.cli, sqlite3",
    }
    assert check(tmp_path, files) == []


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("config/a.py", "import modem.at.channel", "must not import modem/at/channel.py"),
        ("modem/sms/a.py", "from modem.at import channel", "must not import modem/at/channel.py"),
        ("modem/at/a.py", "from gatewayd.store.engine import writer", "gatewayd/store/engine/writer.py"),
        ("gatewayd/store/tables/a.py", "from gatewayd import gateway", "gatewayd/gateway.py"),
        ("gatewayd/store/tables/a.py", "from ...gateway import x", "gatewayd/gateway.py"),
        ("gatewayd/store/a.py", "from .. import gateway", "gatewayd/gateway.py"),
        (
            "gatewayd/sending/a.py",
            "from gatewayd.operations.health import x",
            "gatewayd/operations/health.py",
        ),
        ("gatewayd/sending/a.py", "from api.app import create", "api/app.py"),
        ("api/endpoints/a.py", "from gatewayd.daemon.daemon import run", "gatewayd/daemon/daemon.py"),
        ("api/server/a.py", "from api.app import create", "api/app.py"),
        ("gatewayd/sims/a.py", "import gatewayd.commands.run", "gatewayd/commands/run.py"),
        ("gatewayd/sims/a.py", "from tests.helper import x", "tests/helper.py"),
        ("gatewayd/sims/a.py", "def f():\n    from api import app", "gatewayd/sims/a.py:2: "),
        (
            "gatewayd/sims/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import api.app",
            "gatewayd/sims/a.py:3: ",
        ),
        ("api/endpoints/a.py", "import sqlite3", "must not import sqlite3"),
        ("api/endpoints/a.py", "from threading import Lock", "must not import threading"),
        ("api/endpoints/a.py", "from concurrent.futures import Future", "must not import concurrent"),
        ("api/endpoints/a.py", "import serial.tools.list_ports", "must not import serial"),
        ("gatewayd/sims/a.py", "import sqlite_utils", "must not import sqlite_utils"),
        ("gatewayd/cli.py", "import sqlite3", "must not import sqlite3"),
        ("gatewayd/sims/a.py", "from flask import request", "must not import flask"),
        ("gatewayd/sims/a.py", "import serial", "must not import serial"),
        ("gatewayd/store/a.py", "import waitress", "must not import waitress"),
        ("modem/sms/a.py", "import threading", "must not import threading"),
        ("modem/at/a.py", "import sqlite3", "must not import sqlite3"),
    ],
)
def test_an_import_against_the_floors_is_reported(
    tmp_path: Path, file: str, text: str, expected: str
) -> None:
    others = ["modem/at/channel.py", "gatewayd/store/engine/writer.py", "gatewayd/gateway.py"]
    others += ["gatewayd/operations/health.py", "gatewayd/daemon/daemon.py", "gatewayd/commands/run.py"]
    others += ["api/app.py", "tests/helper.py"]
    lines = check(tmp_path, dict.fromkeys(others, "") | {file: text})
    assert len(lines) == 1
    assert expected in lines[0]
    assert lines[0].startswith(f"{file}:")


def test_a_circle_of_files_is_reported_once_with_its_path(tmp_path: Path) -> None:
    files = {
        "modem/at/a.py": "from modem.at.b import x",
        "modem/at/b.py": "def f():\n    import modem.at.c",
        "modem/at/c.py": "from . import a",
        "modem/at/d.py": "import modem.at.a",
    }
    assert check(tmp_path, files) == [
        "modem/at/c.py:1: a circle of imports: modem/at/a.py -> modem/at/b.py -> modem/at/c.py -> modem/at/a.py"
    ]


def test_a_circle_of_folders_on_one_floor_is_reported(tmp_path: Path) -> None:
    files = {
        "gatewayd/accounts/a.py": "from gatewayd.sims.a import x",
        "gatewayd/sims/a.py": "",
        "gatewayd/sims/b.py": "from gatewayd.accounts import b",
        "gatewayd/accounts/b.py": "",
    }
    assert check(tmp_path, files) == [
        "gatewayd/sims/b.py:1: a circle of imports: gatewayd/accounts/ -> gatewayd/sims/ -> gatewayd/accounts/"
    ]
