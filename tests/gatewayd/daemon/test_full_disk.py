"""A full, read-only or failing disk under a running daemon: no message is accepted that cannot be stored, waiting messages are
sent where possible, and service returns by itself."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from gatewayd.daemon.control_client import ask
from gatewayd.store.engine.disk import RESERVE_BYTES
from tests.conftest import Process, eventually
from tests.gatewayd.box import Box
from tests.gatewayd.store.wal import FRAME_HEADER, HEADER, frames

Build = Callable[..., Box]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """A box whose store is in the folder `disk`."""
    boxes: list[Box] = []

    def build(**options: str) -> Box:
        disk = tmp_path / "disk"
        disk.mkdir()
        box = Box(tmp_path, slots={1: 1}, **options)
        text = box.config.read_text()
        box.config.write_text(text.replace(f"{tmp_path}/gatewayd.db", f"{disk}/gatewayd.db"))
        boxes.append(box)
        return box

    yield build
    for box in boxes:
        box.stop()


class Disk:
    """The disk of a box."""

    def __init__(self, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        """Start the bank, whose process mounts the disk, and then the gateway on that disk."""
        self.box = box
        box.headers = {"X-API-Key": "none yet"}
        monkeypatch.setenv("SMALL_DISK", f"{box.path}/disk=40m")
        box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05", module="tests.gatewayd.small_disk")
        assert box.bank is not None
        self.folder = Path(f"/proc/{box.bank.pid}/root{box.path}/disk")
        monkeypatch.setenv("SMALL_DISK", f"{box.path}/disk=of:{box.bank.pid}")
        self.start_gateway()
        company = self.ask("company.add", name="Test")["id"]
        box.headers = {"X-API-Key": self.ask("key.add", company=company)["key"]}
        box.sims_ready(1)

    def start_gateway(self) -> None:
        self.box.start_gateway(module="tests.gatewayd.small_disk")
        assert self.box.gateway is not None
        self.pid = self.box.gateway.pid

    def ask(self, command: str, **arguments: object) -> Any:
        return ask(self.folder / "gatewayd.db", command, arguments, 20)

    def shrink_log(self, left: int = 0) -> None:
        """Cut the log to its used part and `left` more octets, while no job writes. At its full size, hundreds of messages
        would fit into the log of a full disk.
        """
        database = self.folder / "gatewayd.db"
        used = frames(database) * (_page_bytes(database) + FRAME_HEADER) + HEADER
        os.truncate(self.folder / "gatewayd.db-wal", used + left)

    def fill(self) -> None:
        """Leave no free space."""
        for size in (1 << 20, 1 << 12):
            with (self.folder / "filler").open("ab", buffering=0) as file, suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass

    def free(self) -> None:
        (self.folder / "filler").unlink()

    def status(self) -> dict[str, Any]:
        store: dict[str, Any] = self.ask("status")["store"]
        return store

    def state(self) -> str:
        state: str = self.status()["state"]
        return state


def _page_bytes(database: Path) -> int:
    with database.open("rb") as file:
        return int.from_bytes(file.read(18)[16:], "big")


def post(box: Box, text: str = "more") -> requests.Response:
    headers = {**box.headers, "Prefer": "respond-async"}
    body = {"recipient": "+22370123456", "message": text}
    return requests.post(f"{box.api}/sms/send", json=body, headers=headers, timeout=30)


def health(box: Box) -> int:
    return requests.get(f"{box.api}/health", timeout=60).status_code


def send_until_full(box: Box) -> list[str]:
    """Send until a message is refused; return the ids of the accepted ones."""
    accepted: list[str] = []
    while (answer := post(box)).status_code == 200:
        accepted.append(answer.json()["data"]["sms_id"])
    assert (answer.status_code, answer.json()["error"]) == (503, "storage_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    return accepted


def submitted(box: Box) -> int:
    return len(box.network("submitted"))


def test_on_a_full_disk_waiting_messages_are_sent_and_new_ones_refused_until_there_is_space(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = build()
    disk = Disk(box, monkeypatch)
    reserve = disk.folder / "gatewayd.db.reserve"
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    disk.shrink_log(left=1 << 16)
    accepted = [box.send(f"message {n}") for n in range(60)]
    disk.fill()
    accepted += send_until_full(box)
    assert health(box) == 503
    assert disk.state() == "sparing"
    assert "the disk is full" in disk.status()["detail"]
    # Reading and sending continue, on the reserve.
    assert box.status(accepted[0])["status"] != "failed"
    before = submitted(box)
    eventually(lambda: submitted(box) >= before + 5 and not reserve.stat().st_size)
    assert post(box).status_code == 503
    # The reserve is used up, too.
    eventually(lambda: disk.fill() or disk.state() == "stuck")  # type: ignore[func-returns-value]
    assert post(box).status_code == health(box) == 503
    disk.free()
    eventually(lambda: health(box) == 200)
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    accepted.append(box.send("last"))
    for sms_id in accepted:
        box.becomes(sms_id, "delivered")
    assert submitted(box) == len(accepted)  # each of them once
    assert box.gateway is not None
    assert box.gateway.stop() == 0
    log = "".join(box.gateway.stderr)
    assert (
        log.count("the disk is full: no messages are accepted") <= 4
    )  # logged once for each change, not for each failure
    assert log.count("disk recovered: accepting messages") == 1


def test_a_failing_disk_stops_all_writes_until_it_works_again(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = build()
    disk = Disk(box, monkeypatch)
    ids = [box.send(f"message {n}") for n in range(10)]
    _, limit = resource.prlimit(disk.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(
        disk.pid, resource.RLIMIT_FSIZE, (0, limit)
    )  # each write fails with EFBIG: SQLite says "disk I/O error"
    eventually(lambda: disk.state() == "stuck")
    assert "disk I/O error: File too large" in disk.status()["detail"]
    answer = post(box)
    assert (answer.status_code, answer.json()["error"]) == (503, "storage_unavailable")
    assert health(box) == 503
    assert box.status(ids[-1])["status"] == "pending"
    resource.prlimit(disk.pid, resource.RLIMIT_FSIZE, (limit, limit))
    eventually(lambda: health(box) == 200)
    for sms_id in ids:
        box.becomes(sms_id, "delivered")
    assert sorted(event["text"] for event in box.network("submitted")) == [f"message {n}" for n in range(10)]


@pytest.mark.parametrize("filled", [True, False])
def test_a_read_only_disk_is_refused_at_start(
    build: Build, monkeypatch: pytest.MonkeyPatch, *, filled: bool
) -> None:
    box = build()
    monkeypatch.setenv("SMALL_DISK", f"{box.path}/disk=ro")
    if filled:
        box.cli("company", "add", "Test")
    gateway = Process("--config", box.config, "run", module="tests.gatewayd.small_disk")
    assert gateway.wait() == 1
    [line] = gateway.stderr
    assert "Read-only file system" in line


def is_sent(box: Box, sms_id: str) -> bool:
    return box.status(sms_id)["status"] in ("sent", "delivered")


def test_on_a_full_disk_the_gateway_starts_and_sends_waiting_messages(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = build(dispatch="in_doubt_wait_s = 0.1")
    disk = Disk(box, monkeypatch)
    ids = [box.send(f"message {n}") for n in range(20)]
    assert box.gateway is not None
    box.gateway.kill()
    disk.shrink_log()
    disk.fill()
    disk.start_gateway()
    assert post(box).status_code == health(box) == 503
    for sms_id in ids:  # the reports on earlier parts came while the gateway was down
        eventually(partial(is_sent, box, sms_id))
    disk.free()
    eventually(lambda: health(box) == 200)
