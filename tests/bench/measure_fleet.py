"""Several boxes on one queue: what that costs a message, and how soon others send what a box or PostgreSQL left."""

from __future__ import annotations

import time
from collections import Counter
from statistics import median

import requests

from tests.bench.fleet import Fleet, running_fleet
from tests.bench.gateway import Gatewayd
from tests.bench.measurement import Effort, in_ms, p99, program_on_bank
from tests.bench.program import Program
from tests.bench.report import Report
from tests.conftest import eventually
from tests.gatewayd.box import Box

TITLE = "Fleet"
IDLE = "asked to wire, idle port"
RESCUE = "sent by another box"
AWAY = "PostgreSQL away"
SUBMIT_S = 0.05
PAUSE_S = 0.15
DENIED, HOME = 3, 1
AWAY_S, QUICK_AWAY_S = 600.0, 15.0
LEASE_S = 25.0
WAIT_S = 240.0
LOAD = 600
PARTS = 30  # of which some are claimed and not started when the box dies
SLOW_S = 1.0


def measure(report: Report, kind: type[Program], effort: Effort) -> None:
    """All of it, once."""
    if kind is not Gatewayd:
        return
    with program_on_bank(Gatewayd, 1, SUBMIT_S) as (bank, program):
        program.start()
        program.send(0)
        bank.asked_after(0.0)
        found = []
        for number in range(1, effort.samples + 1):
            time.sleep(PAUSE_S + 0.37 * (number % 7) / 7)
            start = time.monotonic()
            program.send(number)
            found.append(bank.asked_after(start, 60) - start)
        _add_ms(report, IDLE, "one box", found)
    with running_fleet(3, 1, SUBMIT_S) as fleet:
        first, second = fleet.boxes[:2]
        here, there = fleet.sims_of(first)[0], fleet.sims_of(second)[0]
        _add_ms(report, IDLE, "box of a fleet", _latencies(first, first, here, effort.samples))
        _add_ms(report, IDLE, "SIM of another box", _latencies(first, second, there, effort.samples))
        _add_s(report, RESCUE, "waits, its box has no network", _without_network(fleet))
        away_s = AWAY_S if effort.full else QUICK_AWAY_S
        late, full_rate_s = _away(fleet, away_s)
        report.add(TITLE, AWAY, f"{away_s:.0f} s: handed over after the lease", parts=late)
        _add_s(report, AWAY, f"{away_s:.0f} s: back at full rate", full_rate_s)
        _add_ms(report, AWAY, "then, SIM of another box", _latencies(first, second, there, effort.samples))
    with running_fleet(2, 1, SLOW_S) as fleet:
        _add_s(report, RESCUE, "claimed by a box that died", _after_death(fleet))


def _latencies(at: Box, through: Box, sim: int, samples: int) -> list[float]:
    """From requests at one box to AT+CMGS at another, or the same, whose port is idle."""
    at.send("First", sim_number_id=sim)
    eventually(lambda: _asked(through), WAIT_S)
    found = []
    for number in range(samples):
        time.sleep(PAUSE_S + SUBMIT_S + 0.37 * (number % 7) / 7)
        _asked(through)
        start = time.monotonic()
        at.send(f"Message {number}", sim_number_id=sim)
        found.append(eventually(lambda: _asked(through), WAIT_S)[0] - start)
    return found


def _asked(box: Box) -> list[float]:
    """When the modems of a box were asked to submit since the last call (monotonic)."""
    return [at for what, at, _ in box.order(do="moments")["moments"] if what == "asked"]


def _without_network(fleet: Fleet) -> float:
    """A message is planned for a SIM that loses its network just then."""
    first, others = fleet.boxes[0], fleet.boxes[1:]
    for box in others:
        box.order(do="registration", port=1, stat=DENIED)
    eventually(lambda: _ready(first) == 1, WAIT_S)
    first.order(do="registration", port=1, stat=DENIED)
    first.send("Waits")
    for box in others:
        box.order(do="registration", port=1, stat=HOME)
        _asked(box)
    start = time.monotonic()
    sent: float = min(eventually(lambda: [at for box in others for at in _asked(box)], WAIT_S))
    first.order(do="registration", port=1, stat=HOME)
    eventually(lambda: _ready(first) == len(fleet.boxes), WAIT_S)
    return sent - start


def _ready(box: Box) -> int:
    sims = box.get("sms/sims/available")["data"]["available_sims"]
    return sum(sim["can_send_sms"] for sim in sims)


def _away(fleet: Fleet, away_s: float) -> tuple[int, float]:
    """The parts that were handed over after a lease, while PostgreSQL was away; and the seconds from its return to the rate of before.

    Every part is handed over once, and every outcome is told.
    """
    ports = len(fleet.boxes)
    batch = {"messages": [{"recipient": f"+2237{number:07}", "message": "Load"} for number in range(LOAD)]}
    _post_bulk(fleet.boxes[0], batch)
    before = _rate(fleet, 5.0)
    fleet.server.kill()
    over = time.time() + LEASE_S
    time.sleep(away_s)
    late = sum(event["at"] - SUBMIT_S > over for box in fleet.boxes for event in box.network("submitted"))
    for box in fleet.boxes:
        _asked(box)
    fleet.server.start()
    start = time.monotonic()
    moments: list[float] = []
    needed = max(ports, round(0.8 * before))

    def at_full_rate() -> float | None:
        for box in fleet.boxes:
            moments.extend(_asked(box))
        moments.sort()
        pairs = zip(moments, moments[needed - 1 :], strict=False)
        return next((begin for begin, end in pairs if end - begin <= 1.0), None)

    found: float = eventually(at_full_rate, WAIT_S)
    eventually(lambda: fleet.query("SELECT count(*) FROM gatewayd.queue;") == ["0"], WAIT_S)
    sent = Counter(event["recipient"] for box in fleet.boxes for event in box.network("submitted"))
    assert all(sent[f"+2237{number:07}"] == 1 for number in range(LOAD)), sent
    return late, max(0.0, found - start)


def _post_bulk(box: Box, batch: dict[str, list[dict[str, str]]]) -> None:
    headers = {**box.headers, "Prefer": "respond-async"}
    answer = requests.post(f"{box.api}/sms/send-bulk", json=batch, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text


def _rate(fleet: Fleet, seconds: float) -> float:
    """Parts that are handed over in a second."""
    for box in fleet.boxes:
        _asked(box)
    time.sleep(seconds)
    return sum(len(_asked(box)) for box in fleet.boxes) / seconds


def _after_death(fleet: Fleet) -> float:
    """From the death of a box until the first message that it had claimed, and not started, is handed over elsewhere."""
    dies, other = fleet.boxes
    other.order(do="registration", port=1, stat=DENIED)
    eventually(lambda: _ready(dies) == 1, WAIT_S)
    _post_bulk(
        dies,
        {"messages": [{"recipient": f"+2237100{number:04}", "message": "Dies"} for number in range(PARTS)]},
    )
    claimed = "SELECT m.recipient FROM gatewayd.queue q JOIN gatewayd.messages m ON m.id = q.message_id WHERE q.state = 'claimed';"
    eventually(lambda: fleet.query(claimed), WAIT_S)
    assert dies.gateway is not None
    dies.gateway.kill()
    start = time.time()
    dies.gateway = None
    recipients = set(fleet.query(claimed))
    other.order(do="registration", port=1, stat=HOME)

    def arrived() -> list[float]:
        return [event["at"] for event in other.network("submitted") if event["recipient"] in recipients]

    first: float = min(eventually(arrived, WAIT_S))
    return first - SLOW_S - start


def _add_ms(report: Report, case: str, row: str, found: list[float]) -> None:
    report.add(TITLE, case, row, median_ms=in_ms(median(found)), p99_ms=in_ms(p99(found)), samples=len(found))


def _add_s(report: Report, case: str, row: str, seconds: float) -> None:
    report.add(TITLE, case, row, seconds=seconds)
