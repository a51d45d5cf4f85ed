"""Notifications to systemd: ready, the status, and the watchdog, which is fed while every thread does its work."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import sys
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
    """The socket of sd_notify(3), as systemd opens it."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)
        self.received: list[str] = []

    def has_received(self, beginning: str) -> bool:
        """Whether a line with this beginning was received since `received` was cleared."""
        try:
            while True:
                self.received += self._socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return any(line.startswith(beginning) for line in self.received)

    def is_fed_again(self) -> bool:
        """Whether the watchdog is fed from now on."""
        self.has_received("")
        self.received.clear()
        return bool(eventually(lambda: self.has_received("WATCHDOG=1")))

    def is_fed_within(self, seconds: float) -> bool:
        """Whether the watchdog is fed within that time."""
        deadline = time.monotonic() + seconds
        while (
            not (received := self.has_received("WATCHDOG=1"))
            and (remaining := deadline - time.monotonic()) > 0
        ):
            select.select([self._socket], [], [], remaining)
        return received

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


class Task:
    """One thread of a child process."""

    def __init__(self, task: int) -> None:
        self._task = task
        self._folder = Path(f"/proc/{task}")
        self._place = ("", "")  # the system call, and how often the thread has waited
        self._since = 0.0  # monotonic seconds
        self._libc = ctypes.CDLL(None, use_errno=True)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it where it waits for work, like a thread that hangs in the kernel."""
        eventually(self._stop)
        try:
            yield
        finally:
            self._let_go()

    def _stop(self) -> bool:
        if not self._waits_for_work():
            return False
        self._order(PTRACE_SEIZE)
        self._order(PTRACE_INTERRUPT)
        os.waitpid(self._task, 0x40000000)  # __WALL
        if self._system_call() == self._place[0]:
            return True
        self._let_go()
        return False

    def _waits_for_work(self) -> bool:
        """Whether it has waited without a pause for longer than a thread that wants the lock of the interpreter ever does.

        A thread that is stopped on its way to that lock, or with it, stops all threads.
        """
        status = (self._folder / "status").read_text()
        (switches,) = (line for line in status.splitlines() if line.startswith("voluntary"))
        place = (self._system_call(), switches)
        if place != self._place:
            self._place, self._since = place, time.monotonic()
        waited_s = time.monotonic() - self._since
        return waited_s > 4 * sys.getswitchinterval() and place[0] != "running"

    def _system_call(self) -> str:
        try:
            return (self._folder / "syscall").read_text().strip()
        except PermissionError as error:
            pytest.skip(f"threads of a child cannot be looked at here: {error}")

    def _order(self, request: int) -> None:
        if self._ptrace(request) != 0:
            pytest.skip(f"threads of a child cannot be stopped here: {os.strerror(ctypes.get_errno())}")

    def _let_go(self) -> None:
        self._ptrace(PTRACE_DETACH)  # it fails only where the thread has ended

    def _ptrace(self, request: int) -> int:
        result: int = self._libc.ptrace(ctypes.c_long(request), ctypes.c_long(self._task), None, None)
        return result


def tasks_of(box: Box) -> dict[str, Task]:
    """The threads of the daemon, by their names."""
    return {thread["name"]: Task(thread["id"]) for thread in box.cli("status")["threads"]}


def test_systemd_is_notified_of_ready_of_the_ports_that_work_and_of_the_stop(
    box: Box, manager: Manager
) -> None:
    box.start_bank("--submit-s", "60")
    box.start_gateway()
    assert manager.has_received("READY=1")
    assert manager.has_received("STATUS=0 of 2 ports work")
    eventually(lambda: manager.has_received("STATUS=2 of 2 ports work; 0 parts wait"))
    for n in range(5):
        box.send(f"message {n}")
    eventually(lambda: manager.has_received("STATUS=2 of 2 ports work; 3 parts wait"))
    assert manager.is_fed_again(), "a long submission counts as progress"
    assert box.gateway is not None
    box.gateway.stop()
    assert manager.has_received("STOPPING=1")
    assert manager.has_received("EXTEND_TIMEOUT_USEC=10200000")


def test_the_watchdog_is_not_fed_while_a_thread_hangs(box: Box, manager: Manager) -> None:
    box.start_gateway()
    names = {
        "port 2": "port 2",
        "store-writer": "the writer",
        "http": "the HTTP server",
        "timers": "the timers",
    }
    tasks = tasks_of(box)
    assert manager.is_fed_again()
    for thread, thread_name in names.items():
        expected = f"STATUS=0 of 2 ports work; 0 parts wait; no answer from {thread_name}"
        with tasks[thread].frozen():
            eventually(partial(manager.has_received, expected))
            manager.received.clear()
            assert not manager.is_fed_within(0.4), "a working daemon feeds it ten times a second"
        assert manager.is_fed_again()


def test_without_systemd_no_notification_is_sent_and_the_variables_are_removed() -> None:
    no_manager = ServiceManager({})
    no_manager.notify("READY=1")
    assert (no_manager.listens, no_manager.watchdog_s) == (False, 0)
    environment = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1", "HOME": "/"}
    manager = ServiceManager(environment)
    assert environment == {"HOME": "/"}
    assert (manager.listens, manager.watchdog_s) == (True, 0), "the watchdog waits for another process"
    manager.notify("READY=1")  # no socket is there: not an error


def test_an_abstract_socket_is_notified_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("")  # the kernel chooses an abstract name
        systemd.settimeout(60)
        name = systemd.getsockname()[1:].decode()
        manager = ServiceManager({"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "500000"})
        manager.notify("READY=1", "STATUS=ok")
        assert systemd.recv(100) == b"READY=1\nSTATUS=ok"
        assert manager.watchdog_s == 0.5
