"""A daemon is killed at random moments under load; the simulated network records the messages that arrive."""

from __future__ import annotations

import random
import re
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewayd.store.tables import hourly_counts
from gatewayd.store.tables.hourly_counts import Counts
from tests.conftest import eventually
from tests.gatewayd.box import Box
from tests.service_manager import ServiceManager
from tests.torture.client import LONG, Clients
from tests.torture.verdict import PartKey, Verdict, compare

IN_DOUBT = re.compile(r"part (\d+) of message (\d+) is in doubt")
SETTLED = re.compile(
    r"was being submitted when the gateway ended, and is known|the modem reported late that it sent"
)
CUTS = ("silent-taken", "silent-lost", "reset-before", "reset-after", "vanish", "result-lost", "no-prompt")


@dataclass(frozen=True)
class Plan:
    """The size of a run. Times are real seconds."""

    name: str
    kills: int
    seed: int
    ports: int = 4
    via: str = "direct"  # dispatch.submit_via
    stored_reports: bool = False  # the modems store reports (+CNMI <ds> 2), and the run waits for them
    cut_modems: bool = False
    held: bool = False  # a service manager keeps the serial lines open while the daemon is away
    scale: float = 1.0  # of the daemon's time limits for modems; 1: unchanged
    up_s: tuple[float, float] = (0.2, 3.5)  # from the start of the daemon to the kill
    pause_s: float = 0.6  # of each client between two requests
    stuck_s: float = (
        30.0  # at the end, without progress of any message, before the waiting ones count as lost
    )


class Kills:
    """One run, in a folder of its own."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.plan = plan
        self.verdict = Verdict(plan.name)
        wait_s = 6.0 if plan.stored_reports else 0.5
        via = f'submit_via = "{plan.via}"\n' if plan.via != "direct" else ""
        self.box = Box(
            path,
            slots=dict.fromkeys(range(1, plan.ports + 1), 1),
            dispatch=f"{via}max_attempts = 100\nbackoff_s = [0.3]\nsubmit_timeout_s = 2\nin_doubt_wait_s = {wait_s}",
        )
        self._chance = random.Random(plan.seed)  # noqa: S311 - repeatable
        self._doubts: Counter[PartKey] = Counter()
        self._unplugged: int | None = None
        self._texts: list[str] = []  # the texts that were sent to the box's SIMs

    def run(self) -> Verdict:
        """Do the whole run. Returns the verdict."""
        began = time.monotonic()
        plan, box, verdict = self.plan, self.box, self.verdict
        # A stick that vanishes is away for five simulated seconds, and boots in one.
        times = ("--time-scale", "0.2", "--submit-s", "0.8", "--submit-jitter", "0.4", "--delivery-s", "0.5")
        make = "m6280" if plan.stored_reports else "plain"
        box.start_bank(*times, "--seed", str(plan.seed), "--personality", make)
        clients = None
        held = ExitStack()
        try:
            if plan.held:
                box.manager = held.enter_context(ServiceManager(box.path))
            self._start()
            box.sims_ready(plan.ports)
            clients = Clients(box.api, box.headers, plan.seed, plan.pause_s)
            clients.start()
            for _ in range(plan.kills):
                self._run_under_faults(time.monotonic() + self._chance.uniform(*plan.up_s))
                self._kill()
                self._start(wait=plan.held)  # where no part is being submitted, none can be settled
            self._end_faults()
            eventually(box.answers)
            clients.stop()
            self._settle(clients)
        finally:
            box.stop()
            held.close()
        self._note_log()
        self._compare_counts()
        taken = Counter((event["recipient"], event["part"]) for event in box.network("submitted"))
        compare(
            verdict,
            clients.accepted,
            taken,
            self._doubts,
            may_double=plan.cut_modems or (plan.via == "direct" and not plan.stored_reports),
        )
        verdict.broken += clients.unexpected
        verdict.seconds = time.monotonic() - began
        return verdict

    def _start(self, *, wait: bool = True) -> None:
        if self.plan.scale == 1.0:
            self.box.start_gateway(wait=wait)
        else:
            self.box.start_gateway(
                "--scale", str(self.plan.scale), module="tests.bench.quick_daemon", wait=wait
            )

    def _run_under_faults(self, until: float) -> None:
        """Let the daemon run, and unplug modems meanwhile."""
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
            if self._chance.random() < 0.2:
                self._incoming()
            if self.plan.cut_modems and self._chance.random() < 0.2:
                self._cut()

    def _incoming(self) -> None:
        """A text to one of the box's SIMs, some of them long."""
        text = f"Text {len(self._texts)}" + LONG * self._chance.choice((0, 0, 1))
        self._texts.append(text)
        port = self._chance.randint(1, self.plan.ports)
        self.box.order(do="incoming", port=port, text=text, **{"from": "+22376000000"})

    def _cut(self) -> None:
        port = self._chance.randint(1, self.plan.ports)
        if self._unplugged is not None:
            self.box.order(do="replug", port=self._unplugged)
            self._unplugged = None
        elif self._chance.random() < 0.3:
            self.box.order(do="unplug", port=port)
            self._unplugged = port
        else:
            self.box.order(do="fault", port=port, fault=self._chance.choice(CUTS))
        self.verdict.cut_off += 1

    def _end_faults(self) -> None:
        self.box.order(do="calm")
        if self._unplugged is not None:
            self.box.order(do="replug", port=self._unplugged)

    def _kill(self) -> None:
        assert self.box.gateway is not None
        self.box.gateway.kill()
        self.verdict.kills += 1
        self._note_log()
        submitting = self._rows_left(
            "SELECT m.recipient, p.seq, p.sim_id FROM parts p JOIN messages m ON m.id = p.message_id WHERE p.state = 'submitting'"
        )
        self._doubts.update((recipient, seq) for recipient, seq, _ in submitting)
        if len({sim for _, _, sim in submitting}) != len(submitting):
            self.verdict.broken.append(
                f"more than one part a port was being submitted at a kill: {submitting}"
            )

    def _note_log(self) -> None:
        """The parts in doubt that the ended daemon logged."""
        assert self.box.gateway is not None
        with (self.box.path / "daemon.log").open("a", encoding="utf-8") as log:
            log.writelines(self.box.gateway.stderr)
        doubted = [found for line in self.box.gateway.stderr if (found := IN_DOUBT.search(line))]
        if doubted:
            recipients = dict(self._rows_left("SELECT id, recipient FROM messages"))
            self._doubts.update((recipients[int(found[2])], int(found[1])) for found in doubted)
        self.verdict.settled += sum(bool(SETTLED.search(line)) for line in self.box.gateway.stderr)
        for line in self.box.gateway.stderr:
            if " ERROR " in line or line.startswith("Traceback"):
                self.verdict.broken.append(line.rstrip())

    def _settle(self, clients: Clients) -> None:
        """Wait until every accepted message was sent and every text arrived, while there is progress; record faults."""
        before, progress = (-1, -1), time.monotonic()
        while time.monotonic() < progress + self.plan.stuck_s:
            time.sleep(0.1)
            pending = self._rows("SELECT count(*) FROM messages WHERE status = 'pending'")[0][0]
            texts = [row[0] for row in self._rows("SELECT text FROM inbox")]
            if not pending and len(texts) >= len(self._texts):
                break
            if (pending, len(texts)) != before:
                before, progress = (pending, len(texts)), time.monotonic()
        self.verdict.texts = len(self._texts)
        for text in self._texts:
            if (times := texts.count(text)) != 1:
                self.verdict.broken.append(f"{text[:12]!r} was received once and is stored {times} times")
        if pending:
            self.verdict.broken.append(f"{pending} messages are still pending at the end")
        failed = self._rows("SELECT recipient, failure_reason FROM messages WHERE status = 'failed'")
        self.verdict.broken += [f"{recipient} failed: {reason}" for recipient, reason in failed]
        ids = {row[0] for row in self._rows("SELECT sms_id FROM messages")}
        self.verdict.broken += [
            f"{message.sms_id} was answered 200 and is not in the store"
            for message in clients.accepted
            if message.sms_id not in ids
        ]

    def _compare_counts(self) -> None:
        """The counts by hour are those that a look at every message gives."""
        with closing(sqlite3.connect(f"file:{self.box.path}/gatewayd.db?mode=ro", uri=True)) as db:
            counts = sum((row.counts for row in hourly_counts.by_hour(db, 0, 2**40)), Counts())
            found = db.execute(
                "SELECT count(*), coalesce(sum(sent_at <= coalesce(failed_at, sent_at)), 0),"
                " coalesce(sum(status = 'delivered'), 0), coalesce(sum(status = 'failed'), 0) FROM messages"
            ).fetchone()
        counted = (counts.accepted, counts.sent, counts.delivered, counts.failed + counts.undelivered)
        if counted != tuple(found):
            self.verdict.broken.append(f"the counts by hour are {counted}, and the messages give {found}")

    def _rows(self, sql: str) -> list[Any]:
        """The store's content, while the daemon runs."""
        with closing(sqlite3.connect(f"file:{self.box.path}/gatewayd.db?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchall()

    def _rows_left(self, sql: str) -> list[Any]:
        """The store's content after a kill, read from a copy, so that the next daemon finds the files unchanged."""
        with tempfile.TemporaryDirectory(dir=self.box.path) as folder:
            copy = Path(folder) / "copy.db"
            for suffix in ("", "-wal"):
                found = self.box.path / f"gatewayd.db{suffix}"
                if found.exists():
                    copy.with_name(f"copy.db{suffix}").write_bytes(found.read_bytes())
            with closing(sqlite3.connect(copy)) as db:
                return db.execute(sql).fetchall()
