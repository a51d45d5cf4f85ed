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


class Candidate:
    """One program at its best tuning, on the devices of a bank. `way_in` says how it takes messages, and what it syncs."""

    name = ""
    way_in = ""
    missing = ""  # why it cannot run here

    def __init__(self, folder: Path, devices: Sequence[Path]) -> None:
        self.folder = folder
        self.devices = devices
        self._children: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Start it, and wait until it can take messages."""
        raise NotImplementedError

    def fill(self, count: int) -> None:
        """Give it messages for all modems."""
        raise NotImplementedError

    def send(self, number: int) -> None:
        """Give it one message."""
        raise NotImplementedError

    def pids(self) -> list[int]:
        """Its processes."""
        return [pid for child in self._children if child.poll() is None for pid in proc.family(child.pid)]

    def stop(self) -> None:
        """End it, its children too."""
        self.end_children()

    def end_children(self) -> None:
        """End its processes; it may be started again."""
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
        """The CPU time of all its processes."""
        return sum(map(proc.cpu_s, self.pids()))

    def pss_mb(self) -> float:
        """Their memory."""
        return sum(map(proc.pss_kb, self.pids())) / 1024

    def spawn(self, *command: str | Path) -> subprocess.Popen[str]:
        """Start a child in a process group of its own, so that its own children end with it."""
        with (self.folder / "output.log").open("a") as log:
            child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                cwd=self.folder,
            )
        self._children.append(child)
        return child
