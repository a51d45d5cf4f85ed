"""The programs in the integrator's guide run unchanged against a gateway whose first answer is lost."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.conftest import Running, eventually
from tests.docs.documents import ROOT, Block, blocks, program
from tests.test_docs import error_codes

GUIDE = "integrating.md"
NODE_MODULES = Path(os.environ.get("NODE_PATH", ROOT / "build" / "clients" / "node_modules"))
REACHED_WITHIN_S = 60


@dataclass(frozen=True)
class Example:
    """A program of the guide: its heading, how it is run, and the messages that it sends."""

    heading: str
    language: str
    file: str
    command: tuple[str, ...]
    recipients: tuple[str, ...]
    missing: Callable[[], str | None] = lambda: None


def _no_curl() -> str | None:
    return None if shutil.which("curl") else "curl is not installed"


def _no_node() -> str | None:
    if shutil.which("node") is None:
        return "node is not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return None if int(version.lstrip("v").split(".")[0]) >= 18 else "node is older than 18"


def _no_axios() -> str | None:
    return _no_node() or (
        None if (NODE_MODULES / "axios").is_dir() else "axios is not installed: .ci/run does that"
    )


def _no_php() -> str | None:
    if shutil.which("php") is None:
        return "php is not installed"
    found = subprocess.run(
        ["php", "-r", "exit(extension_loaded('curl') ? 0 : 1);"], capture_output=True, check=False
    )
    return "php's curl extension is not installed" if found.returncode else None


ONE, TWO, THREE = "+22370123456", "+22370123456", "+22366123456"
EXAMPLES = {
    "curl": Example("curl", "sh", "send.sh", ("sh", "-e"), (ONE, TWO, THREE), _no_curl),
    "python": Example("Python", "python", "send.py", (sys.executable,), (ONE, TWO)),
    "node": Example("Node", "js", "send.mjs", ("node",), (ONE, TWO), _no_node),
    "axios": Example("With axios", "js", "axios.mjs", ("node",), (ONE,), _no_axios),
    "php": Example("PHP", "php", "send.php", ("php", "-d", "display_errors=stderr"), (ONE, TWO), _no_php),
}


@contextmanager
def _losing_proxy(url: str) -> Iterator[str]:
    """A proxy that loses the answer to the first send of each kind, as a bad network does."""
    lost_answers: set[str] = set()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on(None)

        def do_POST(self) -> None:
            self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

        def _pass_on(self, body: bytes | None) -> None:
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() in ("x-api-key", "content-type", "idempotency-key")
            }
            answer = requests.request(
                self.command, url.removesuffix("/api") + self.path, data=body, headers=headers, timeout=30
            )
            if body is not None and self.path not in lost_answers:
                lost_answers.add(self.path)
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        assert lost_answers, "no send came through the proxy"


@dataclass(frozen=True)
class Run:
    """A running program, and the API key that it uses."""

    process: subprocess.Popen[str]
    key: str


@pytest.fixture(scope="module")
def runs(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """All examples, run side by side because each of them waits; each has a company of its own."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "node_modules").symlink_to(NODE_MODULES)
    started: dict[str, Run] = {}
    with ExitStack() as proxies:
        for name, example in EXAMPLES.items():
            if example.missing():
                continue
            key = running.cli("key", "add", "--company", running.cli("company", "add", name)["id"])["key"]
            url = proxies.enter_context(_losing_proxy(running.url))
            file = folder / example.file
            file.write_text(program(GUIDE, example.heading, example.language), encoding="utf-8")
            process = subprocess.Popen(
                [*example.command, file],
                env={**os.environ, "GATEWAY_URL": url, "GATEWAY_KEY": key},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started[name] = Run(process, key)
        yield started
        for run in started.values():
            run.process.kill()
            run.process.communicate()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_sends_each_message_once_though_answers_are_lost(
    running: Running, runs: dict[str, Run], name: str
) -> None:
    example = EXAMPLES[name]
    if reason := example.missing():
        pytest.skip(reason)
    run = runs[name]

    output, errors = run.process.communicate(timeout=REACHED_WITHIN_S)

    assert run.process.returncode == 0, errors
    messages = _messages(running, run.key)
    assert sorted(message["recipient"] for message in messages) == sorted(example.recipients)
    eventually(lambda: {entry["status"] for entry in _messages(running, run.key)} == {"delivered"})
    assert any(message["sms_id"] in output for message in messages), output
    if name != "curl":  # it prints only the answers and never asks for the status
        assert output.split()[-1] in ("delivered", "sent")


def _messages(running: Running, key: str) -> list[dict[str, str]]:
    answer = requests.get(f"{running.url}/sms/messages", headers={"X-API-Key": key}, timeout=60)
    found: list[dict[str, str]] = answer.json()["data"]
    return found


def test_without_its_key_a_lost_answer_would_have_sent_twice(running: Running) -> None:
    """The guide's warning is true, and the test above would notice a message that is sent twice."""
    key = running.cli("key", "add", "--company", running.cli("company", "add", "careless")["id"])["key"]
    with _losing_proxy(running.url) as url:
        body = json.dumps({"recipient": ONE, "message": "twice"})
        for _ in range(2):
            try:
                requests.post(f"{url}/sms/send", data=body, headers={"X-API-Key": key}, timeout=30)
            except requests.ConnectionError:
                continue
    assert len(_messages(running, key)) == 2


def _first_line(block: Block) -> str:
    return block.text.partition("\n")[0]


@pytest.mark.parametrize(
    "block", [block for block in blocks(GUIDE) if block.heading == "Laravel"], ids=_first_line
)
def test_the_laravel_examples_are_valid_php(tmp_path: Path, block: Block) -> None:
    if shutil.which("php") is None:
        pytest.skip("php is not installed")
    text = block.text
    if text.startswith("'"):
        text = f"<?php return [{text}];"
    elif not text.startswith("<?php"):
        text = f"<?php {text}"
    file = tmp_path / "laravel.php"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(["php", "-l", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_guide_has_a_remedy_for_every_error_code() -> None:
    text = (ROOT / "docs" / GUIDE).read_text(encoding="utf-8")
    _, _, table = text.partition("## Errors and what to do\n")
    listed = [
        line.split("`")[1] for line in table.partition("\n## ")[0].splitlines() if line.startswith("| `")
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == error_codes()
