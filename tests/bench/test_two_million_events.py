"""Two million events: the room that they need, the memory and time of their readers, and how soon a waiting reader is told."""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path

import pytest
import requests
from tabulate import tabulate

from gatewayd.store.engine.connection import Connection
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts
from tests.bench import proc
from tests.bench.million import fill
from tests.gatewayd.box import Box

EVENTS, MESSAGES, FEW = 2_000_000, 100_000, 100
CHUNK = 50_000
WAITS = 40
PAGE = 1000


def fill_events(path: Path) -> tuple[int, int]:
    """Write the events, a few of them for a second company; the id of that, and the bytes of all events."""
    store = Store(path)
    store.open()
    try:
        other: int = store.write(lambda db: accounts.add_company(db, "Few", None, 0))
        before = store.write(_pages)
        for first in range(0, EVENTS, CHUNK):
            store.write(lambda db, first=first: _insert(db, first, other))  # type: ignore[misc]
        return other, (store.write(_pages) - before) * 512
    finally:
        store.close()


def _pages(db: Connection) -> int:
    count: int = db.execute("PRAGMA page_count").fetchone()[0]
    return count


def _insert(db: Connection, first: int, other: int) -> None:
    """Events as two thirds of all are: sent or delivered. Near the end a few belong to the second company."""
    db.executemany(
        "INSERT INTO events (type, at, company_id, message_id, sequence, sim_id, cost, retry_count, sent_at)"
        " VALUES (?, ?, ?, ?, ?, 1, 25, 0, ?)",
        (
            (
                1 + number % 2,
                1_767_225_600_000_000 + number,
                other if EVENTS - 200_000 <= number < EVENTS - 200_000 + FEW else 1,
                1 + number % MESSAGES,
                1 + number % 2,
                1_767_225_600_000_000 + number if number % 2 else None,
            )
            for number in range(first, first + CHUNK)
        ),
    )


class Reader:
    """A client that reads pages and takes the time of each."""

    def __init__(self, box: Box, key: str) -> None:
        self._url, self._headers = f"{box.api}/events", {"X-API-Key": key}
        self.after = ""
        self.seconds: list[float] = []

    def page(self, wait: int = 0) -> int:
        """Read the next page; the number of its events."""
        began = time.monotonic()
        query: dict[str, str | int] = {"limit": PAGE, "after": self.after, "wait": wait}
        answer = requests.get(self._url, query, headers=self._headers, timeout=90).json()
        self.seconds.append(time.monotonic() - began)
        self.after, self.more = answer["next_cursor"], answer["more"]
        return len(answer["data"])

    def told_after(self, box: Box) -> float:
        """Seconds from the answer to a cancellation until this waiting client has its event."""
        sms_id = box.send("cancelled at once")
        told: list[float] = []

        def wait() -> None:
            self.page(wait=60)
            told.append(time.monotonic())

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.2)  # so that it waits
        requests.post(f"{box.api}/sms/cancel/{sms_id}", headers=box.headers, timeout=30)
        committed = time.monotonic()
        thread.join(90)
        return told[0] - committed


@pytest.mark.bench
def test_two_million_events_are_read_in_short_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = Box(tmp_path, slots={1: 1})
    box.start_bank()
    try:
        box.start_gateway()
        (sim,) = box.sims_ready(1)
        box.stop_gateway()
        box.order(do="unplug", port=1)
        fill(tmp_path / "gatewayd.db", MESSAGES, [sim["id"]], 1, pinned=True)
        other, size = fill_events(tmp_path / "gatewayd.db")
        box.start_gateway()
        assert box.gateway is not None
        pid = box.gateway.pid
        few = Reader(box, box.cli("key", "add", "--company", other)["key"])
        found = few.page()
        while few.more:
            found += few.page()
        assert found == FEW
        before = proc.pss_kb(pid)
        all_ = Reader(box, str(box.headers["X-API-Key"]))
        read = sum(all_.page() for _ in range(100))
        after = proc.pss_kb(pid)
        read += sum(all_.page() for _ in range(100))
        assert read == 200 * PAGE
        later = proc.pss_kb(pid)
        all_.after = few.after  # the end
        waits = [all_.told_after(box) for _ in range(WAITS)]
    finally:
        box.stop()
    rows = [
        ("events", f"{EVENTS:,}"),
        ("bytes an event", f"{size / EVENTS:.0f}"),
        (f"ms a page of {PAGE}, median, worst", _ms(all_.seconds[:100])),
        ("ms a request that finds few, median, worst", _ms(few.seconds)),
        ("requests to find them", f"{len(few.seconds)}"),
        (
            "MB before, after 100, after 200 pages",
            ", ".join(f"{kb / 1024:.1f}" for kb in (before, after, later)),
        ),
        ("ms from the answer of a cancellation until a waiting client has the event", _ms(waits)),
    ]
    with capsys.disabled():
        print(f"\n{tabulate(rows, disable_numparse=True)}")  # noqa: T201 - the figures are what it is for


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.1f}, {1000 * max(seconds):.1f}"
