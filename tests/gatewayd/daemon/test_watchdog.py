"""What systemd is told: that the daemon is ready, how it is, and, while every thread takes work, that it lives."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from gatewayd.daemon.service_manager import ServiceManager
from tests.conftest import eventually
from tests.gatewayd.box import Box

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17  # linux/ptrace.h


class Manager:
    """The other end of sd_notify(3), as systemd has it."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)
        self.heard: list[str] = []

    def hears(self, what: str) -> bool:
        """Whether it was told something that begins so, since `heard` was cleared."""
        try:
            while True:
                self.heard += self._socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return any(line.startswith(what) for line in self.heard)

    def fed_again(self) -> bool:
        """Whether the watchdog is fed from now on."""
        self.hears("")
        self.heard.clear()
        return bool(eventually(lambda: self.hears("WATCHDOG=1")))

    def is_fed_within(self, seconds: float) -> bool:
        """Whether the watchdog is fed within that time."""
        deadline = time.monotonic() + seconds
        while not (fed := self.hears("WATCHDOG=1")) and (left := deadline - time.monotonic()) > 0:
            select.select([self._socket], [], [], left)
        return fed

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    manager = Manager(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    monkeypatch.setenv("WATCHDOG_USEC", "600000")  # asks every thread ten times a second
    yield manager
    manager.close()


@pytest.fixture
def box(tmp_path: Path, manager: Manager) -> Iterator[Box]:
    box = Box(tmp_path, slots={1: 1, 2: 1}, daemon="stop_timeout_s = 0.2")
    yield box
    box.stop()


@contextmanager
def frozen(task: int) -> Iterator[None]:
    """One thread of a child process, stopped in the middle of whatever it does, as one that hangs in the kernel is."""
    libc = ctypes.CDLL(None, use_errno=True)

    def order(request: int) -> None:
        if libc.ptrace(ctypes.c_long(request), ctypes.c_long(task), None, None) != 0:
            pytest.skip(f"threads of a child cannot be stopped here: {os.strerror(ctypes.get_errno())}")

    order(PTRACE_SEIZE)
    order(PTRACE_INTERRUPT)
    os.waitpid(task, 0x40000000)  # __WALL
    try:
        yield
    finally:
        libc.ptrace(ctypes.c_long(PTRACE_DETACH), ctypes.c_long(task), None, None)


def tasks_of(box: Box) -> dict[str, int]:
    """The threads of the daemon, by their names."""
    return {thread["name"]: thread["id"] for thread in box.cli("status")["threads"]}


def test_systemd_is_told_that_it_is_ready_how_many_ports_work_and_that_it_stops(
    box: Box, manager: Manager
) -> None:
    box.start_bank("--submit-s", "60")
    box.start_gateway()
    assert manager.hears("READY=1")
    assert manager.hears("STATUS=0 of 2 ports work")
    eventually(lambda: manager.hears("STATUS=2 of 2 ports work; 0 parts wait"))
    for n in range(5):
        box.send(f"message {n}")
    eventually(lambda: manager.hears("STATUS=2 of 2 ports work; 3 parts wait"))
    assert manager.fed_again(), "a long submission is progress"
    assert box.gateway is not None
    box.gateway.stop()
    assert manager.hears("STOPPING=1")
    assert manager.hears("EXTEND_TIMEOUT_USEC=10200000")


def test_a_thread_that_hangs_ends_the_feeding_until_it_goes_on(box: Box, manager: Manager) -> None:
    box.start_gateway()
    names = {
        "port 2": "port 2",
        "store-writer": "the writer",
        "http": "the HTTP server",
        "timers": "the timers",
    }
    tasks = tasks_of(box)
    assert manager.fed_again()
    for thread, called in names.items():
        told = f"STATUS=0 of 2 ports work; 0 parts wait; no answer from {called}"
        with frozen(tasks[thread]):
            eventually(partial(manager.hears, told))
            manager.heard.clear()
            assert not manager.is_fed_within(0.4), "it is fed ten times a second"
        assert manager.fed_again()


def test_without_systemd_nobody_is_told_and_the_variables_are_not_handed_on() -> None:
    nobody = ServiceManager({})
    nobody.notify("READY=1")
    assert (nobody.listens, nobody.watchdog_s) == (False, 0)
    environment = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1", "HOME": "/"}
    manager = ServiceManager(environment)
    assert environment == {"HOME": "/"}
    assert (manager.listens, manager.watchdog_s) == (True, 0), "the watchdog waits for another process"
    manager.notify("READY=1")  # nobody is there: no reason to end


def test_a_socket_of_the_abstract_kind_is_told_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind("")  # the kernel chooses a name of that kind
        other.settimeout(60)
        name = other.getsockname()[1:].decode()
        manager = ServiceManager({"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "500000"})
        manager.notify("READY=1", "STATUS=well")
        assert other.recv(100) == b"READY=1\nSTATUS=well"
        assert manager.watchdog_s == 0.5
