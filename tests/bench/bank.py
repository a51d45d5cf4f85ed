"""The simulated bank that all are measured against: a process of its own, which tells when each modem was at work."""

from __future__ import annotations

import json
import socket
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import proc
from tests.conftest import Process, eventually

DELIVERY_S = 1.0


class Bank:
    """Modems that note on the monotonic clock when they were asked to submit, and when they answered that it was done."""

    def __init__(self, folder: Path, ports: int, submit_s: float, baud: int = 0) -> None:
        self.ports = ports
        self.submit_s = submit_s
        self._folder = folder / "ports"
        self.asked: defaultdict[str, list[float]] = defaultdict(list)  # by ICCID
        self.answered: defaultdict[str, list[float]] = defaultdict(list)
        self._process = Process(
            *("simulate", "--json", "--ports", str(ports), "--dir", self._folder),
            *("--submit-s", str(submit_s), "--delivery-s", str(DELIVERY_S), "--baud", str(baud)),
        )
        self.devices = [Path(port["device"]) for port in json.loads(self._process.line())["ports"]]

    def stop(self) -> None:
        """Switch it off."""
        self._process.stop()

    def cpu_s(self) -> float:
        """The CPU time that it has used."""
        return proc.cpu_s(self._process.pid)

    def order(self, **what: str | int) -> dict[str, Any]:
        """Tell it something: see `modem.simulator.control`."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(20)
            control.connect(str(self._folder / "control"))
            control.sendall(json.dumps(what).encode() + b"\n")
            with control.makefile() as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
        assert answer["ok"], answer
        return answer

    def read(self) -> None:
        """Bring `asked` and `answered` up to date."""
        while moments := self.order(do="moments")["moments"]:
            for what, at, iccid in moments:
                (self.asked if what == "asked" else self.answered)[iccid].append(at)

    def asked_after(self, moment: float, timeout_s: float = 60.0) -> float:
        """When a modem was first asked to submit after a moment."""

        def first() -> float | None:
            self.read()
            return min((at for times in self.asked.values() for at in times if at > moment), default=None)

        found: float = eventually(first, timeout_s)
        return found

    def count(self, start: float, end: float) -> int:
        """Submissions answered within a time."""
        self.read()
        return sum(bisect_right(times, end) - bisect_left(times, start) for times in self.answered.values())

    def share(self, start: float, end: float) -> float:
        """What part of a time the modems were at work: per modem from its first answer to its last, so that no edge counts."""
        self.read()
        shares = [0.0] * self.ports
        for index, times in enumerate(self.answered.values()):
            within = times[bisect_left(times, start) : bisect_right(times, end)]
            if len(within) > 1:
                shares[index] = (len(within) - 1) * self.submit_s / (within[-1] - within[0])
        return sum(shares) / self.ports

    def gaps(self, start: float, end: float) -> list[float]:
        """How long modems waited after a submission within a time before they were asked for the next."""
        self.read()
        gaps: list[float] = []
        for iccid, asked in self.asked.items():
            for at in self.answered[iccid]:
                following = bisect_right(asked, at)
                if start <= at <= end and following < len(asked):
                    gaps.append(asked[following] - at)
        return gaps

    def await_all_busy(self, timeout_s: float) -> bool:
        """Wait until every modem was asked once; whether that came true."""
        return self._within(timeout_s, lambda: len(self.asked) >= self.ports)

    def await_count(self, count: int, timeout_s: float) -> bool:
        """Wait until so many were answered in all; whether that came true."""
        return self._within(timeout_s, lambda: sum(map(len, self.answered.values())) >= count)

    def _within(self, timeout_s: float, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.read()
            if condition():
                return True
            time.sleep(0.05)
        return False
