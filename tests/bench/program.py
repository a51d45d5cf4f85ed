"""A program to measure: it accepts messages and sends them through modems."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.bench import proc


def recipient(number: int) -> str:
    """A phone number that every measured program accepts."""
    return f"+2237{number:07d}"


class Program:
    """One program with its best tuning, on the devices of a bank. `interface`: how it accepts messages, and what it syncs."""

    name = ""
    interface = ""
    missing = ""  # why it cannot be measured on this machine; "": it can

    def __init__(self, folder: Path, devices: Sequence[Path]) -> None:
        self.folder = folder
        self.devices = devices
        self._children: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Start the program, and wait until it accepts messages."""
        raise NotImplementedError

    def fill(self, count: int) -> None:
        """Hand in `count` messages for all modems."""
        raise NotImplementedError

    def send(self, number: int) -> None:
        """Hand in one message."""
        raise NotImplementedError

    def pids(self) -> list[int]:
        """The ids of its running processes."""
        return [pid for child in self._children if child.poll() is None for pid in proc.family(child.pid)]

    def stop(self) -> None:
        """End all its processes."""
        self.end_children()

    def end_children(self) -> None:
        """End all its processes. It may be started again."""
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        for child in self._children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        self._children.clear()

    def cpu_s(self) -> float:
        """The CPU time of its processes, in seconds."""
        return sum(map(proc.cpu_s, self.pids()))

    def pss_mb(self) -> float:
        """The memory (PSS) of its processes, in MiB."""
        return sum(map(proc.pss_kb, self.pids())) / 1024

    def spawn(self, *command: str | Path) -> subprocess.Popen[str]:
        """Start a child in a new process group, so that its own children end with it."""
        with (self.folder / "output.log").open("a") as log:
            child = subprocess.Popen(
                [str(argument) for argument in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                cwd=self.folder,
            )
        self._children.append(child)
        return child
