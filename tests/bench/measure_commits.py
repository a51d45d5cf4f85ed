"""Commits: what each of the three that a message takes writes to SQLite's log, in pages; nothing shares them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

from modem.parts import Submission, Submitted
from modem.sms.tpdu import StatusReport
from tests.bench.candidate import Candidate, recipient
from tests.bench.gateway import Gatewayd
from tests.bench.million import fill
from tests.bench.report import Report
from tests.bench.stage import Effort, own_folder
from tests.gatewayd.played_ports import House
from tests.gatewayd.store.wal import FRAME_HEADER, frames

TITLE = "Pages written to the log by each commit, one message in each"
STORED = 20_000  # before, so that tables and indexes have the depth that they have on a box
MESSAGES = 40  # few enough that the log is not begun anew meanwhile, which SQLite does after a thousand pages
ICCIDS = ("8922301000000000001", "8922301000000000002")


def measure(report: Report, who: type[Candidate], effort: Effort) -> None:
    """One run, without modems: the gateway is told what a port would tell it."""
    del effort
    if who is not Gatewayd:
        return
    with own_folder() as folder:
        sim = _stored(folder)
        house = House(folder)
        try:
            page = house.row("PRAGMA page_size")[0]
            pages = _pages(house, sim)
        finally:
            house.close()
    report.add(
        TITLE,
        f"{STORED} messages in the store",
        who.name,
        accept=mean(pages[0]),
        settle_and_claim_the_next=mean(pages[1]),
        report=mean(pages[2]),
        bytes_of_a_page=page,
        kib_together=sum(mean(of_one) for of_one in pages) * (page + FRAME_HEADER) / 1024,
    )


def _stored(folder: Path) -> int:
    house = House(folder)
    house.up(1, ICCIDS[0])
    house.up(2, ICCIDS[1])
    sim, other = map(house.sim, ICCIDS)
    house.close()
    fill(folder / "gatewayd.db", STORED, [other], 1, pinned=True)
    return sim


def _pages(house: House, sim: int) -> tuple[list[int], list[int], list[int]]:
    house.up(1, ICCIDS[0])
    path = house.settings.store.path
    accepts: list[int] = []
    settles: list[int] = []
    reports: list[int] = []
    at = frames(path)

    def grown() -> int:
        nonlocal at
        before, at = at, frames(path)
        return at - before

    for number in range(MESSAGES):
        house.send(f"Message {number}", recipient=recipient(number), sim=sim)
        accepts.append(grown())
    part = house.claim(1)
    grown()
    for number in range(MESSAGES - 1):
        following = house.settle(1, part, Submitted(number))
        settles.append(grown())
        moment = datetime.fromtimestamp(house.clock.at / 1e6, UTC)
        told = StatusReport("", number, part.recipient, moment, moment, 0)
        house.gateway.dispatcher.reported(house.statuses[1], told)
        reports.append(grown())
        assert isinstance(following, Submission)
        part = following
        house.clock.at += 1_000_000
        house.clock.passed += 1
    return accepts, settles, reports
