"""Ends a PostgreSQL server when the process that started it has ended, however that happened.

`Watcher` is used by that process; the rest runs in the watcher, a process of its own that imports only the standard library.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_WAIT_S = 60.0
_IPC_RMID = 0


class Watcher:
    """A process that outlives this one, kills the server that it watches, and removes `folders`."""

    def __init__(self, *folders: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(os.getpid()), *map(str, folders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C at the terminal must not end it before the server
        )

    def watch(self, data: Path, pid: int) -> None:
        """Watch the server `pid` of the folder `data` in place of any earlier one."""
        self._say(f"{pid} {data}")

    def close(self) -> None:
        """End the watcher. The server and the folders are left as they are."""
        self._say("end")
        self._process.communicate(timeout=_WAIT_S)

    def _say(self, line: str) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()


def kill_server(data: Path, pid: int) -> None:
    """Kill a server and all its processes at once, as a power cut does, and remove the lock and the shared memory they leave.

    It has returned only after all of them have ended. A process that has ended already is no fault.
    """
    if (server := _open(pid)) < 0:
        _remove_leftovers(data, pid)
        return
    ended = [server]
    try:
        # A server that is stopped can neither restart its processes nor end them in order.
        _send(server, signal.SIGSTOP)
        _wait(lambda: _state(pid) in "TZX", "the server did not stop")
        for process in _descendants(pid):
            if (descriptor := _open(process)) >= 0:
                ended.append(descriptor)
        for descriptor in reversed(ended):
            _send(descriptor, signal.SIGKILL)
        for descriptor in ended:
            if not select.select([descriptor], [], [], _WAIT_S)[0]:
                raise TimeoutError("a process of PostgreSQL has not ended after SIGKILL")
    finally:
        for descriptor in ended:
            os.close(descriptor)
    _remove_leftovers(data, pid)


def _send(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, number)


def _wait(condition: Callable[[], bool], fault: str) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(fault)
        time.sleep(0.001)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: state, parent, …; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _state(pid: int) -> str:
    return (_stat(pid) or ["X"])[0]


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and (fields := _stat(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = [pid]
    for process in found:
        found.extend(children.get(process, []))
    return found[1:]


def _remove_leftovers(data: Path, pid: int) -> None:
    """Remove the lock of a killed server, whose process id may be another's soon, and its segment of System V shared memory."""
    lock = data / "postmaster.pid"
    try:
        lines = lock.read_text().splitlines()
    except FileNotFoundError:
        return
    if lines[0].strip() != str(pid):
        return
    if len(lines) > 6 and len(segment := lines[6].split()) == 2:  # the seventh line: key and id
        ctypes.CDLL(None).shmctl(int(segment[1]), _IPC_RMID, None)
    lock.unlink()


def _watch(parent: int, folders: list[Path]) -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    try:
        starter = os.pidfd_open(parent)
    except ProcessLookupError:
        return
    if os.getppid() != parent:  # it ended before, and the number may be another's
        return
    data, pid, server = Path(), 0, -1
    received = b""
    while True:
        # Not only the end of the pipe: a copy of the pipe may live on in another child of that process.
        ready, _, _ = select.select([starter, 0], [], [])
        if 0 in ready and (more := os.read(0, 4096)):
            received += more
            *lines, received = received.split(b"\n")
            for line in lines:
                if line == b"end":
                    return
                number, _, path = os.fsdecode(line).partition(" ")
                data, pid = Path(path), int(number)
                if server >= 0:
                    os.close(server)
                server = _open(pid)
        else:
            select.select([starter], [], [])
            break
    if server >= 0 and not select.select([server], [], [], 0)[0]:
        kill_server(data, pid)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _open(pid: int) -> int:
    """A descriptor of the process, which its number alone is not after it ended; -1 if it has ended already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return -1


if __name__ == "__main__":
    _watch(int(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
