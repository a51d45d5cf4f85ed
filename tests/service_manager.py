"""A service manager that stores descriptors as systemd does (sd_notify(3)): received on a socket, passed to the next process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import stat
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_GONE = select.POLLHUP | select.POLLERR


class ServiceManager:
    """A service manager for one daemon: `with ServiceManager(folder) as manager: Process(..., manager=manager)`."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "notify"
        self.received: list[str] = []  # every assignment, in the order of arrival
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.address))
        self._stored: list[tuple[str, int]] = []
        self._lock = threading.Lock()
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._run, name="service manager", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.write(self._stop_w, b"!")
        self._thread.join(60)
        self.empty()
        self._socket.close()
        os.close(self._stop_r)
        os.close(self._stop_w)

    @property
    def names(self) -> list[str]:
        """The names of the stored descriptors."""
        with self._lock:
            return [name for name, _ in self._stored]

    def empty(self) -> None:
        """Close all stored descriptors, as when the service is stopped or the machine boots."""
        with self._lock:
            for _, fd in self._stored:
                os.close(fd)
            self._stored.clear()

    def environment_and_descriptors(self) -> tuple[Mapping[str, str], list[int]]:
        """Environment and copies of the descriptors for the next process. The caller closes the copies."""
        self._receive_all()
        with self._lock:
            for stored in [stored for stored in self._stored if _hung_up(stored[1])]:
                self._stored.remove(stored)
                os.close(stored[1])
            names = ":".join(name for name, _ in self._stored)
            copies = [os.dup(fd) for _, fd in self._stored]
        return {"NOTIFY_SOCKET": str(self.address), "GIVEN_FDNAMES": names}, copies

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket.fileno(), self._stop_r], [], [])
            if self._stop_r in ready:
                return
            self._receive_all()

    def _receive_all(self) -> None:
        """Receive all waiting messages, also those that a process sent right before it was killed."""
        with self._lock:
            while select.select([self._socket], [], [], 0)[0]:
                data, fds, _, _ = socket.recv_fds(self._socket, 8192, 16)
                self._take(dict(line.partition("=")[::2] for line in data.decode().splitlines()), fds)

    def _take(self, assignments: dict[str, str], fds: list[int]) -> None:
        self.received += [f"{name}={value}" for name, value in assignments.items()]
        name = assignments.get("FDNAME", "stored")
        if "FDSTORE" in assignments:
            self._stored += [(name, fd) for fd in fds]
            return
        for fd in fds:
            os.close(fd)
        if "FDSTOREREMOVE" in assignments:
            for stored in [stored for stored in self._stored if stored[0] == name]:
                self._stored.remove(stored)
                os.close(stored[1])


def _hung_up(fd: int) -> bool:
    """Whether a descriptor is hung up: systemd drops it then. A file cannot be polled and is never hung up."""
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return False
    poll = select.poll()
    poll.register(fd, 0)
    return any(flags & _GONE for _, flags in poll.poll(0))


def main() -> None:
    """In the child: move the descriptors to the numbers of sd_listen_fds(3), then execute the program. Arguments: fds, program."""
    numbers = [int(number) for number in sys.argv[1].split(",") if number]
    high = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 500) for number in numbers]
    for index, number in enumerate(high):
        os.dup2(number, 3 + index)
    environment = dict(os.environ)
    names = environment.pop("GIVEN_FDNAMES", "")
    if numbers:
        environment.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(numbers)), LISTEN_FDNAMES=names)
    for number in numbers:
        if number >= 3 + len(numbers):
            with contextlib.suppress(OSError):
                os.close(number)
    os.execve(sys.executable, [sys.executable, "-m", *sys.argv[2:]], environment)  # noqa: S606 - as a service manager does


if __name__ == "__main__":
    main()
