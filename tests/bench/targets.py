"""The targets of the benchmark, and whether a run meets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench import measure_gap, measure_latency, measure_rest, measure_taking, measure_use, measure_wear

GATEWAYD, LOOP = "gatewayd", "gsmmodem loop"


@dataclass(frozen=True, slots=True)
class Target:
    """One target. `found` is None if it was not measured."""

    name: str
    wanted: float
    found: float | None
    least: bool = False  # `wanted` is a minimum, not a maximum

    @property
    def met(self) -> str:
        """Whether the target is met, as one word for the table."""
        if self.found is None:
            return "not measured"
        good = self.found >= self.wanted if self.least else self.found <= self.wanted
        return "yes" if good else "**no**"


class Found:
    """Medians by measure, case, program and name."""

    def __init__(self, results: Sequence[Mapping[str, Any]]) -> None:
        self._medians = {(each["measure"], each["case"], each["program"]): each["median"] for each in results}

    def of(self, measure: str, case: str, name: str, program: str = GATEWAYD) -> float | None:
        """One median; None if it was not measured."""
        value: float | None = self._medians.get((measure, case, program), {}).get(name)
        return value


def targets(results: Sequence[Mapping[str, Any]]) -> list[Target]:
    """All targets. A target relative to a figure that was not measured is left out."""
    found = Found(results)
    second, at_once = measure_use.case(1.0), measure_gap.BAUDS[0]
    use16, use64 = measure_use.title(16), measure_use.title(64)
    idle = found.of(measure_latency.TITLE, "idle", "median_ms")
    gap = found.of(measure_gap.TITLE, at_once, "median_ms")
    here, slow = measure_taking.case(0), measure_taking.case(30)
    return [
        Target("share of 16 ports, 1 s", 0.99, found.of(use16, second, "share"), least=True),
        *_beside(
            "share of 64 ports, 1 s: the loop's − 0.005",
            found.of(use64, second, "share", LOOP),
            found.of(use64, second, "share"),
            plus=-0.005,
            least=True,
        ),
        Target("modem idle between messages, median, ms", 5, gap),
        *_beside(
            "the same: three times the loop's",
            found.of(measure_gap.TITLE, at_once, "median_ms", LOOP),
            gap,
            times=3,
        ),
        *_beside(
            "CPU for a message, accepted and sent, 16 ports: the loop's, ms",
            found.of(use16, second, "cpu_ms_together", LOOP),
            found.of(use16, second, "cpu_ms_together"),
        ),
        Target("request → AT+CMGS, idle, median, ms", 5, idle),
        Target("request → AT+CMGS, idle, p99, ms", 20, found.of(measure_latency.TITLE, "idle", "p99_ms")),
        *_beside(
            "request → AT+CMGS with a million waiting, median, ms: as idle, and a quarter for noise",
            idle,
            found.of(measure_latency.TITLE, measure_latency.case(1_000_000), "median_ms"),
            times=1.25,
        ),
        Target(
            "send-bulk of 1000, messages/s, synced",
            10_000,
            found.of(measure_taking.TITLE, here, "bulk_of_1000"),
            least=True,
        ),
        *(
            Target(
                f"send, {clients} clients, messages/s",
                700,
                found.of(measure_taking.TITLE, here, f"send_{clients}_clients"),
                least=True,
            )
            for clients in measure_taking.CLIENTS
        ),
        *_beside(
            "send, 64 clients, messages/s: 0.9 of 16 clients",
            found.of(measure_taking.TITLE, here, "send_16_clients"),
            found.of(measure_taking.TITLE, here, "send_64_clients"),
            times=0.9,
            least=True,
        ),
        Target(
            "send, 64 clients, a sync takes 30 ms more, messages/s",
            300,
            found.of(measure_taking.TITLE, slow, "send_64_clients"),
            least=True,
        ),
        Target(
            "written for a message at 10 a second, KiB",
            32,
            found.of(measure_wear.TITLE, "10 a second", "kib_by_its_processes"),
        ),
        Target(
            "the same on the disk, with the file system's journal, KiB",
            32,
            found.of(measure_wear.TITLE, "10 a second", "kib_on_the_disk"),
        ),
        Target("PSS with 64 ports at rest, MB", 70, found.of(measure_rest.TITLE, "idle", "pss_mb")),
        Target(
            "share of a core with 64 ports at rest", 0.01, found.of(measure_rest.TITLE, "idle", "cpu_share")
        ),
        Target(
            "time to recover after a re-plug, s",
            5,
            found.of(measure_rest.AGAIN, measure_rest.CASE, "seconds"),
        ),
    ]


def _beside(
    name: str,
    other: float | None,
    found: float | None,
    *,
    times: float = 1,
    plus: float = 0,
    least: bool = False,
) -> list[Target]:
    return [] if other is None else [Target(name, other * times + plus, found, least)]
