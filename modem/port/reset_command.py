"""Runs the operator's `reset_command` without a shell, while the port still takes requests."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import IO, Final

_KEPT: Final = 65536  # octets of output; more is read and dropped
_TERMINATION_S: Final = 1.0  # from SIGTERM to SIGKILL


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a program."""

    code: int | None  # its exit code, negative for a signal; None: it was killed at the time limit
    output: str  # standard output and error, as they came


def run(command: Sequence[str], timeout_s: float, wake_fd: int, attend: Callable[[], None]) -> Ended:
    """Run a program until it ends, or for `timeout_s`: then it and its children are killed.

    `attend` is called whenever `wake_fd` is readable; an exception from it ends the program too. Raises OSError where
    the program cannot be started.
    """
    with subprocess.Popen(  # noqa: S603 - the operator's program, from the configuration
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            output = bytearray()
            in_time = _follow(process, process.stdout, output, monotonic() + timeout_s, wake_fd, attend)
        finally:
            if process.poll() is None:
                _end(process)
        return Ended(process.returncode if in_time else None, output.decode("utf-8", "replace"))


def _follow(
    process: subprocess.Popen[bytes],
    stdout: IO[bytes],
    output: bytearray,
    deadline: float,
    wake_fd: int,
    attend: Callable[[], None],
) -> bool:
    """Read the program's output until it ends. Return False if it did not end before the deadline."""
    os.set_blocking(stdout.fileno(), False)
    ended = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        for fd in (ended, stdout.fileno(), wake_fd):
            poll.register(fd, select.POLLIN)
        while (remaining := deadline - monotonic()) > 0:
            ready = {fd for fd, _ in poll.poll(remaining * 1000 + 1)}
            if wake_fd in ready:
                attend()
            if stdout.fileno() in ready and not _read(stdout.fileno(), output):
                poll.unregister(stdout.fileno())
            if ended in ready:
                _read(stdout.fileno(), output)
                process.wait()
                return True
        return False
    finally:
        os.close(ended)


def _read(fd: int, output: bytearray) -> bool:
    """Read the output that is there. Return False at its end."""
    try:
        while data := os.read(fd, 4096):
            output += data[: max(0, _KEPT - len(output))]
    except BlockingIOError:
        return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and all processes of its session."""
    for number, wait_s in ((signal.SIGTERM, _TERMINATION_S), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue
        return
