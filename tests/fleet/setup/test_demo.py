"""`make fleet`: a PostgreSQL and some boxes; a message sent at each is delivered, and Ctrl-C leaves no process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import UNIGNORED, cli_json, eventually
from tests.dashboard_visitor import Visitor

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
_START_TIMEOUT_S = 300.0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def demo(state: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [
            *(*UNIGNORED, sys.executable, "-m", "tools.fleet_demo"),
            *("--port", "0", "--boxes", "2", "--ports", "1"),
            *("--state", str(state)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def announced(demo: subprocess.Popen[str]) -> list[tuple[str, str]]:
    """URL and key of each box, once all are ready."""
    assert demo.stdout is not None
    late = threading.Timer(_START_TIMEOUT_S, demo.kill)
    late.start()
    try:
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        else:
            pytest.fail("".join(lines))
    finally:
        late.cancel()
    return re.findall(r"(http://\S+/api)   key (\S+)", "".join(lines))


def processes(state: Path) -> set[str]:
    """The processes that have the folder in their command lines, or the server that works for it."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(state) in line:
            found.add(line)
    return found


def shown_to_people(url: str, box: Path) -> None:
    """Commands, health and pages tell of the fleet."""
    fleet = cli_json(box / "gatewayd.toml", "fleet", "status")
    assert [(each["name"], each["silent"]) for each in fleet["boxes"]] == [
        ("bamako", False),
        ("kayes", False),
    ]
    assert cli_json(box / "gatewayd.toml", "status")["fleet"] == {"name": "bamako", "trouble": None}
    health = requests.get(f"{url}/api/health", timeout=60).json()
    assert "fleet" in json.dumps(health)
    person = json.loads((box / "keys.json").read_text())
    visitor = Visitor(url, "fr")
    visitor.log_in(person["login"], person["password"])
    page = visitor.text("/fleet")
    assert "<h1>Flotte</h1>" in page
    assert "kayes" in page
    assert 'class="badge good"' in page


def no_password_is_collected(state: Path) -> None:
    """The archive for remote support tells of the fleet, and not its password."""
    password = (state / "password").read_text().strip()
    archive = state / "support.tar.gz"
    config = state / "bamako" / "gatewayd.toml"
    subprocess.run(
        [sys.executable, "-m", "gatewayd.cli", "--config", str(config), "support", str(archive)],
        check=False,
        capture_output=True,
        cwd=ROOT,
        timeout=300,
    )
    with tarfile.open(archive) as tar:
        texts = [file.read() for member in tar if (file := tar.extractfile(member)) is not None]
    assert any(b"fleet" in text for text in texts)
    logs = [path.read_bytes() for path in state.glob("*/log.txt")]
    assert all(password.encode() not in text for text in texts + logs)


def test_a_message_sent_at_each_box_is_delivered_and_nothing_is_left(
    demo: subprocess.Popen[str], state: Path
) -> None:
    boxes = announced(demo)
    assert len(boxes) == 2
    for url, key in boxes:
        sent = requests.post(
            f"{url}/sms/send",
            json={"recipient": "+22370123456", "message": "Hello"},
            headers={"X-API-Key": key},
            timeout=60,
        )
        assert sent.status_code == 200, sent.text
        sms_id = sent.json()["data"]["sms_id"]

        def delivered(url: str = boxes[0][0], key: str = key, sms_id: str = sms_id) -> bool:
            # Each message is seen at the first box, with the key of the box that took it.
            seen = requests.get(f"{url}/sms/status/{sms_id}", headers={"X-API-Key": key}, timeout=60)
            return seen.status_code == 200 and json.loads(seen.text)["data"]["status"] == "delivered"

        eventually(delivered)
    shown_to_people(boxes[0][0].removesuffix("/api"), state / "bamako")
    no_password_is_collected(state)
    assert len(processes(state)) >= 3
    os.kill(demo.pid, signal.SIGINT)
    assert demo.wait(120) == 0
    assert processes(state) == set()
