"""The files that a daemon leaves: one complete file after a stop; after a kill a log, which only its own database replays."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests

from tests.conftest import Process, eventually
from tests.gatewayd.box import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A gateway whose modem is unplugged, so that messages wait."""
    box = Box(tmp_path, slots={1: 1})
    box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05")
    box.start_gateway()
    box.sims_ready(1)
    box.order(do="unplug", port=1)
    yield box
    box.stop()


def files(box: Box) -> list[str]:
    return sorted(file.name for file in box.path.glob("gatewayd.db*") if not file.name.endswith(".sock"))


def texts(path: Path) -> list[str]:
    """The messages in a database file by itself."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT text FROM messages ORDER BY id")]


def listed_texts(box: Box) -> list[str]:
    return [message["message"] for message in box.get("sms/messages")["data"]][::-1]


def test_a_stop_during_list_requests_leaves_one_complete_file(box: Box) -> None:
    for number in range(20):
        box.send(f"message {number}")
    stopping = threading.Event()

    def read() -> None:
        while not stopping.is_set():
            with suppress(requests.RequestException, ValueError):
                box.get("sms/messages?limit=100")

    clients = [threading.Thread(target=read) for _ in range(6)]
    for client in clients:
        client.start()
    box.stop_gateway()
    stopping.set()
    for client in clients:
        client.join()
    assert files(box) == ["gatewayd.db", "gatewayd.db.lock", "gatewayd.db.reserve"]
    assert texts(box.path / "gatewayd.db") == [f"message {number}" for number in range(20)]


def restored_from_a_backup(box: Box) -> None:
    box.cli("backup", str(box.path / "restored.db"))


def restored_from_a_copy(box: Box) -> None:
    box.stop_gateway()
    shutil.copyfile(box.path / "gatewayd.db", box.path / "restored.db")
    box.start_gateway()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("prepare_restore", [restored_from_a_backup, restored_from_a_copy])
def test_after_a_kill_the_log_is_used_but_not_with_a_restored_database(
    box: Box, prepare_restore: Callable[[Box], None]
) -> None:
    box.send("before")
    prepare_restore(box)
    for number in range(10):
        box.send(f"later {number}")
    all_texts = ["before", *(f"later {number}" for number in range(10))]
    gateway = running(box)
    gateway.kill()
    box.start_gateway()
    assert listed_texts(box) == all_texts
    box.send("the last")
    running(box).kill()
    shutil.copyfile(box.path / "restored.db", box.path / "gatewayd.db")
    box.start_gateway()
    assert listed_texts(box) == ["before"]
    restarted = running(box)
    eventually(lambda: any("gatewayd.db.foreign-1-wal" in line for line in restarted.stderr))
    assert "gatewayd.db.foreign-1-wal" in files(box)
    box.stop_gateway()
    assert texts(box.path / "gatewayd.db") == ["before"]


def running(box: Box) -> Process:
    assert box.gateway is not None
    return box.gateway
