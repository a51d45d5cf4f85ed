"""The example clients of the guide work unchanged, except for base URL and key."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
import requests

FOLDER = Path(__file__).parent
NODE_MODULES = Path(os.environ.get("NODE_PATH", FOLDER.parents[1] / "build" / "clients" / "node_modules"))
ENVIRONMENT = os.environ | {"NODE_PATH": str(NODE_MODULES), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
DELIVERED_WITHIN_S = 60


class Running(Protocol):
    """The value of the fixture of this name: a gateway on simulated modems."""

    url: str
    key: str


@dataclass(frozen=True)
class Client:
    """An example of the guide: the program, the call to add if it only defines a function, and the command to run it."""

    file: str
    command: tuple[str, ...]
    missing: Callable[[], str | None] = lambda: None
    call: str = ""


def _no_curl() -> str | None:
    return None if shutil.which("curl") else "curl is not installed"


def _no_axios() -> str | None:
    if shutil.which("node") is None:
        return "node is not installed"
    found = subprocess.run(
        ["node", "-e", "require('axios')"], env=ENVIRONMENT, capture_output=True, check=False
    )
    return "axios is not installed: .ci/run does that" if found.returncode else None


def _no_php() -> str | None:
    if shutil.which("php") is None:
        return "php is not installed"
    found = subprocess.run(
        ["php", "-r", "exit(extension_loaded('curl') ? 0 : 1);"], capture_output=True, check=False
    )
    return "php's curl extension is not installed" if found.returncode else None


CLIENTS = {
    "curl": Client("curl.sh", ("sh",), _no_curl),
    "bash": Client("client.sh", ("bash",), _no_curl),
    "python": Client(
        "client.py",
        (sys.executable,),
        call="import json; print(json.dumps(send_sms('+22370123456', 'Hello from Python!')))",
    ),
    "node": Client(
        "client.js",
        ("node",),
        _no_axios,
        "sendSMS('+22370123456', 'Hello from Node!').then((data) => console.log(JSON.stringify(data)));",
    ),
    "php": Client("client.php", ("php", "-d", "display_errors=stderr"), _no_php),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_the_message_of_each_client_of_the_guide_is_delivered(
    running: Running, tmp_path: Path, name: str
) -> None:
    client = CLIENTS[name]
    if reason := client.missing():
        pytest.skip(reason)
    base = f"{running.url.removesuffix('/').removesuffix('/api')}/api"
    text = (FOLDER / client.file).read_text() + client.call
    program = tmp_path / client.file
    program.write_text(
        text.replace("https://prosendi.com/api", base).replace("your_api_key_here", running.key)
    )

    result = subprocess.run(
        [*client.command, program], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["success"] is True, answer
    data = answer["data"]
    assert data["recipient"] == "+22370123456"
    assert data["status"] in ("sent", "pending")
    assert _final_status(base, running.key, data["sms_id"]) == "delivered"


def _final_status(base: str, key: str, sms_id: str) -> str:
    deadline = time.monotonic() + DELIVERED_WITHIN_S
    while True:
        answer = requests.get(f"{base}/sms/status/{sms_id}", headers={"X-API-Key": key}, timeout=60).json()
        status = str(answer["data"]["status"])
        if status in ("delivered", "failed", "cancelled") or time.monotonic() > deadline:
            return status
        time.sleep(0.05)
