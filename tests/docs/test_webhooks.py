"""The receivers in docs/webhooks.md accept what the gateway sends, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gatewayd.webhooks.poster import Poster
from gatewayd.webhooks.signing import new_secret, signed_headers
from tests.conftest import eventually, free_port
from tests.gatewayd.webhooks.receiver import open_way

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "webhooks.md").read_text()
NODE_MODULES = Path(os.environ.get("NODE_PATH", ROOT / "build" / "clients" / "node_modules"))
BODY = (
    '{"id":"evt_1","type":"message.sent","timestamp":"2025-10-30T14:30:00.000000Z","data":{"a":"ç"}}'.encode()
)

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE_MODULES / "standardwebhooks").exists(),
    reason="node or its package standardwebhooks is not installed: .ci/run does that",
)
needs_php = pytest.mark.skipif(shutil.which("php") is None, reason="php is not installed")


def example(language: str, secret: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found.count("whsec_…") == 1
    return str(found).replace("whsec_…", secret)


@contextmanager
def receiver(language: str, secret: str, folder: Path) -> Iterator[str]:
    """The example as a running program; the URL of its receiver."""
    port = free_port()
    code = example(language, secret)
    if language == "python":
        file = folder / "receiver.py"
        code += f'\n\napp.run("127.0.0.1", {port})\n'
        command = [sys.executable, str(file)]
    elif language == "js":
        file = folder / "receiver.js"
        code = code.replace("3000", str(port))
        command = ["node", str(file)]
    else:
        file = folder / "receiver.php"
        command = ["php", "-S", f"127.0.0.1:{port}", str(file)]
    file.write_text(code)
    environment = os.environ | {"NODE_PATH": str(NODE_MODULES)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    ) as process:
        try:
            yield f"http://127.0.0.1:{port}/sms-events"
        finally:
            process.kill()


@pytest.mark.parametrize(
    "language",
    ["python", pytest.param("js", marks=needs_node), pytest.param("php", marks=needs_php)],
)
def test_an_example_accepts_signed_events_and_refuses_others(language: str, tmp_path: Path) -> None:
    secret = new_secret()
    with receiver(language, secret, tmp_path) as url, closing(Poster(open_way())) as poster:

        def posted(secrets: list[str], at: float, body: bytes = BODY) -> int | None:
            headers = signed_headers(secrets, "evt_1", int(at), BODY)
            return poster.post(url, headers, body, private=True).status_code

        now = time.time()
        eventually(lambda: posted([secret], now) is not None, 30)
        assert posted([secret], now) == 204
        assert posted([new_secret(), secret], now) == 204
        assert posted([new_secret()], now) == 400
        assert posted([secret], now, BODY + b" ") == 400
        assert posted([secret], now - 1000) == 400
