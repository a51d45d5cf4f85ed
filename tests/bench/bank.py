"""The simulated bank that every program sends through: a separate process that records the times of each submission."""

from __future__ import annotations

import json
import socket
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench import proc
from tests.conftest import Process, eventually

DELIVERY_S = 1.0
EDGE_S = 3.0  # a modem that is idle for longer than this after a submission gets no more messages


def whole_share(times: Sequence[float], submit_s: float, start: float, end: float, until: float) -> float:
    """The share of its possible submissions that a modem did. It ended submissions at these `times`; only whole ones count.

    The window runs from the first end after `start` to the first after `end`, or to `until`, the end of the measurement.
    """
    first, last = bisect_left(times, start), bisect_left(times, end)
    if first == len(times):
        return 0.0
    done = min(last, len(times) - 1) - first
    window = (times[last] if last < len(times) else until) - times[first]
    return done * submit_s / window if done else 0.0


class Bank:
    """Modems that record, on the monotonic clock, when they received `AT+CMGS` and when they answered it."""

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
        """Stop the process."""
        self._process.stop()

    def cpu_s(self) -> float:
        """The CPU time of the process, in seconds."""
        return proc.cpu_s(self._process.pid)

    def order(self, **order: str | int) -> dict[str, Any]:
        """Send an order (see `modem.simulator.control`). Returns the answer."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(20)
            control.connect(str(self._folder / "control"))
            control.sendall(json.dumps(order).encode() + b"\n")
            with control.makefile() as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
        assert answer["ok"], answer
        return answer

    def read(self) -> None:
        """Update `asked` and `answered`."""
        while moments := self.order(do="moments")["moments"]:
            for event, at, iccid in moments:
                (self.asked if event == "asked" else self.answered)[iccid].append(at)

    def asked_after(self, moment: float, timeout_s: float = 60.0) -> float:
        """The time of the first `AT+CMGS` after a moment. Fails after `timeout_s`."""

        def first() -> float | None:
            self.read()
            return min((at for times in self.asked.values() for at in times if at > moment), default=None)

        found: float = eventually(first, timeout_s)
        return found

    def count(self, start: float, end: float) -> int:
        """The number of submissions answered from `start` to `end`."""
        self.read()
        return sum(bisect_right(times, end) - bisect_left(times, start) for times in self.answered.values())

    def share(self, start: float, end: float) -> float:
        """The mean of `whole_share` over the modems. Waits for the end of the submissions in progress."""

        def over() -> bool:
            last = [times[-1] for times in self.answered.values() if times]
            return len(last) == self.ports and min(last) >= end

        self._within(self.submit_s + EDGE_S, over)
        until = time.monotonic()
        shares = [whole_share(times, self.submit_s, start, end, until) for times in self.answered.values()]
        return sum(shares) / self.ports

    def gaps(self, start: float, end: float) -> list[float]:
        """The seconds from each answer between `start` and `end` to the next `AT+CMGS` of that modem."""
        self.read()
        gaps: list[float] = []
        for iccid, asked in self.asked.items():
            for at in self.answered[iccid]:
                following = bisect_right(asked, at)
                if start <= at <= end and following < len(asked):
                    gaps.append(asked[following] - at)
        return gaps

    def await_all_busy(self, timeout_s: float) -> bool:
        """Wait until every modem has received `AT+CMGS`. False: not within the time."""
        return self._within(timeout_s, lambda: len(self.asked) >= self.ports)

    def await_count(self, count: int, timeout_s: float) -> bool:
        """Wait until `count` submissions were answered in all. False: not within the time."""
        return self._within(timeout_s, lambda: sum(map(len, self.answered.values())) >= count)

    def _within(self, timeout_s: float, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.read()
            if condition():
                return True
            time.sleep(0.05)
        return False
