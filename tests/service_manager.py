"""Systemd's part of keeping descriptors: takes them on a socket, and gives them to the next process (sd_notify(3))."""

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
    """See the module. `with ServiceManager(folder) as manager: Process(..., manager=manager)`."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "notify"
        self.told: list[str] = []  # every assignment, in order
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.address))
        self._kept: list[tuple[str, int]] = []
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
        """The names of what is kept."""
        with self._lock:
            return [name for name, _ in self._kept]

    def empty(self) -> None:
        """As where the service is stopped, or the machine boots."""
        with self._lock:
            for _, fd in self._kept:
                os.close(fd)
            self._kept.clear()

    def given(self) -> tuple[Mapping[str, str], list[int]]:
        """What the next process gets: environment, and copies of the descriptors, which the caller closes."""
        self._receive_all()
        with self._lock:
            for each in [each for each in self._kept if _hung_up(each[1])]:
                self._kept.remove(each)
                os.close(each[1])
            names = ":".join(name for name, _ in self._kept)
            copies = [os.dup(fd) for _, fd in self._kept]
        return {"NOTIFY_SOCKET": str(self.address), "GIVEN_FDNAMES": names}, copies

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket.fileno(), self._stop_r], [], [])
            if self._stop_r in ready:
                return
            self._receive_all()

    def _receive_all(self) -> None:
        """Take what was sent: also what a process sent right before it was killed."""
        with self._lock:
            while select.select([self._socket], [], [], 0)[0]:
                data, fds, _, _ = socket.recv_fds(self._socket, 8192, 16)
                self._take(dict(line.partition("=")[::2] for line in data.decode().splitlines()), fds)

    def _take(self, told: dict[str, str], fds: list[int]) -> None:
        self.told += [f"{name}={value}" for name, value in told.items()]
        name = told.get("FDNAME", "stored")
        if "FDSTORE" in told:
            self._kept += [(name, fd) for fd in fds]
            return
        for fd in fds:
            os.close(fd)
        if "FDSTOREREMOVE" in told:
            for kept in [each for each in self._kept if each[0] == name]:
                self._kept.remove(kept)
                os.close(kept[1])


def _hung_up(fd: int) -> bool:
    """Systemd drops what hangs up, but for files, which cannot be polled."""
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return False
    poll = select.poll()
    poll.register(fd, 0)
    return any(flags & _GONE for _, flags in poll.poll(0))


def main() -> None:
    """In the child: put the descriptors where sd_listen_fds(3) says, then become the program. Arguments: fds, program."""
    numbers = [int(number) for number in sys.argv[1].split(",") if number]
    high = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 500) for number in numbers]
    for place, number in enumerate(high):
        os.dup2(number, 3 + place)
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
