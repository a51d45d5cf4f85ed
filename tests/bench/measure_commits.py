"""The pages that each of the three commits of a message writes to SQLite's log, where no other message shares the commit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

from modem.parts import Submission, Submitted
from modem.sms.tpdu import StatusReport
from tests.bench.gateway import Gatewayd
from tests.bench.measurement import Effort, own_folder
from tests.bench.million import fill
from tests.bench.program import Program, recipient
from tests.bench.report import Report
from tests.gatewayd.played_ports import PlayedGateway
from tests.gatewayd.store.wal import FRAME_HEADER, frames

TITLE = "Pages written to the log by each commit, one message in each"
STORED = 20_000  # before the measurement, so that tables and indexes are as deep as on a box
MESSAGES = 40  # few enough that SQLite does not restart the log, which it does after a thousand pages
ICCIDS = ("8922301000000000001", "8922301000000000002")


def measure(report: Report, kind: type[Program], effort: Effort) -> None:
    """One run without modems: the benchmark reports the results that a port would report."""
    del effort
    if kind is not Gatewayd:
        return
    with own_folder() as folder:
        sim = _stored(folder)
        played = PlayedGateway(folder)
        try:
            page = played.row("PRAGMA page_size")[0]
            pages = _pages(played, sim)
        finally:
            played.close()
    report.add(
        TITLE,
        f"{STORED} messages in the store",
        kind.name,
        accept=mean(pages[0]),
        settle_and_claim_the_next=mean(pages[1]),
        report=mean(pages[2]),
        bytes_of_a_page=page,
        kib_together=sum(mean(of_commit) for of_commit in pages) * (page + FRAME_HEADER) / 1024,
    )


def _stored(folder: Path) -> int:
    played = PlayedGateway(folder)
    played.up(1, ICCIDS[0])
    played.up(2, ICCIDS[1])
    sim, other = map(played.sim, ICCIDS)
    played.close()
    fill(folder / "gatewayd.db", STORED, [other], 1, pinned=True)
    return sim


def _pages(played: PlayedGateway, sim: int) -> tuple[list[int], list[int], list[int]]:
    played.up(1, ICCIDS[0])
    path = played.settings.store.path
    accepts: list[int] = []
    settles: list[int] = []
    reports: list[int] = []
    at = frames(path)

    def grown() -> int:
        nonlocal at
        before, at = at, frames(path)
        return at - before

    for number in range(MESSAGES):
        played.send(f"Message {number}", recipient=recipient(number), sim=sim)
        accepts.append(grown())
    part = played.claim(1)
    grown()
    for number in range(MESSAGES - 1):
        following = played.settle(1, part, Submitted(number))
        settles.append(grown())
        moment = datetime.fromtimestamp(played.clock.at / 1e6, UTC)
        status_report = StatusReport("", number, part.recipient, moment, moment, 0)
        played.gateway.dispatcher.reported(played.statuses[1], status_report)
        reports.append(grown())
        assert isinstance(following, Submission)
        part = following
        played.clock.at += 1_000_000
        played.clock.passed += 1
    return accepts, settles, reports
