"""A fleet to try: a PostgreSQL in a folder, and some boxes on simulated modems; `make fleet` runs it.

    python -m tools.fleet_demo [--port 8000] [--boxes 3] [--ports 4] [--state .fleet]

Prints a key and a curl line for each box, and ends everything with Ctrl-C. The folder keeps the messages for the next time.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Any

from tools.postgres_folder import PostgresError, PostgresFolder

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "gatewayd"
READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 30.0
NAMES = ("bamako", "kayes", "segou", "mopti", "gao", "sikasso", "kidal", "tombouctou")


class DemoError(RuntimeError):
    """The demo cannot run; the text says why."""


def main() -> int:
    """Run the demo until SIGINT or SIGTERM."""
    options = _options()
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        with contextlib.ExitStack() as started:
            _run(options, started)
            while True:
                signal.pause()
    except KeyboardInterrupt:
        return 0
    except (DemoError, PostgresError) as error:
        print(f"make fleet: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="of the first box; the others get the next ones; 0: any"
    )
    parser.add_argument("--boxes", type=int, choices=range(1, len(NAMES) + 1), default=3, metavar="1…8")
    parser.add_argument("--ports", type=int, default=4, help="simulated modems of each box")
    parser.add_argument("--state", type=Path, default=Path(".fleet"), help="the folder of everything")
    return parser.parse_args()


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(options: argparse.Namespace, started: contextlib.ExitStack) -> None:
    state = options.state.absolute()
    state.mkdir(parents=True, exist_ok=True)
    print("starting PostgreSQL and the boxes …", flush=True)
    server = started.enter_context(_postgres(state))
    if DATABASE not in server.psql("SELECT datname FROM pg_database;").split():
        server.create_database(DATABASE)
    names = NAMES[: options.boxes]
    first = state / names[0]
    _configure(first)
    password = state / "password"
    _command(first, "fleet", "init", server.dsn(dbname=DATABASE), "--password-file", str(password))
    dsn = f"host=127.0.0.1 port={server.port} dbname={DATABASE} user=gatewayd"
    boxes = []
    for number, name in enumerate(names):
        box = state / name
        _configure(box)
        _command(box, "fleet", "join", dsn, "--name", name, "--password-file", str(password), "--yes")
        port = options.port + number if options.port else 0
        boxes.append((name, started.enter_context(_box(box, port, options.ports, 1 + 100 * number))))
    ready = [(name, *_ready(name, process)) for name, process in boxes]
    _announce(ready, state)


@contextlib.contextmanager
def _postgres(state: Path) -> Iterator[PostgresFolder]:
    path = state / "postgres"
    if os.geteuid() == 0:
        # Root's PostgreSQL runs as another user, who may not enter every folder of root's.
        digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
        path = Path(tempfile.gettempdir()) / f"gatewayd-fleet-{digest}"
    if not (state / "password").exists() and path.exists():
        shutil.rmtree(path)  # of a fleet whose boxes are gone
    with PostgresFolder(path) as server:
        yield server


def _configure(box: Path) -> None:
    """Write the configuration of a box, unless it has one."""
    box.mkdir(exist_ok=True, mode=0o700)
    path = box / "gatewayd.toml"
    if not path.exists():
        path.write_text(f"[store]\npath = {json.dumps(str(box / 'gatewayd.db'))}\n", encoding="utf-8")


def _command(box: Path, *words: str) -> Any:
    """The document of a command of a box."""
    done = subprocess.run(
        [sys.executable, "-m", "gatewayd.cli", "--config", str(box / "gatewayd.toml"), *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise DemoError(
            f"gatewayd {' '.join(words[:2])} of {box.name}: {(done.stdout + done.stderr).strip()}"
        )
    return json.loads(done.stdout)


@contextlib.contextmanager
def _box(box: Path, port: int, ports: int, first_card: int) -> Iterator[subprocess.Popen[str]]:
    """A box on simulated modems, as a process that ends with the block."""
    with (box / "log.txt").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gatewayd.cli", "demo", "--json"),
                *("--state", str(box), "--listen", f"127.0.0.1:{port}", "--ports", str(ports)),
                *("--first-card", str(first_card)),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C comes here alone, and the boxes end one after the other
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _ready(name: str, process: subprocess.Popen[str]) -> tuple[str, str]:
    """URL and key of a box, once it can send."""
    if process.stdout is None:
        raise DemoError(f"{name} has no output")
    line = _line(process.stdout, time.monotonic() + READY_TIMEOUT_S)
    if not line:
        raise DemoError(f"{name} did not start: its log.txt says why")
    document = json.loads(line)
    return document["url"], document["key"]


def _line(stream: IO[str], deadline: float) -> str:
    while (left := deadline - time.monotonic()) > 0:
        if select.select([stream], [], [], left)[0]:
            return stream.readline()
    return ""


def _announce(boxes: list[tuple[str, str, str]], state: Path) -> None:
    body = json.dumps({"recipient": "+22370123456", "message": "Hello World"})
    for name, url, key in boxes:
        print(f"\n{name}: {url}   key {key}\n")
        print(
            f"  curl -X POST {url}/sms/send -H 'X-API-Key: {key}' -H 'Content-Type: application/json' -d '{body}'"
        )
    first = state / boxes[0][0] / "gatewayd.toml"
    print("\nEach key works at each box. The boxes, and what waits where:\n")
    print(f"  {sys.executable} -m gatewayd.cli --config {first} fleet status\n")
    print("Ctrl-C stops it all.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
