"""Power cuts: a daemon whose every write to its store is recorded, and images of what the disk may hold after a cut."""

from __future__ import annotations

import logging
import os
import random
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings, load
from gatewayd.gateway import Gateway
from gatewayd.store.store import Store
from gatewayd.timekeeping.clock import Clock
from tests.gatewayd.box import Box
from tests.gatewayd.played_ports import PlayedPort
from tests.torture.client import Accepted, Clients
from tests.torture.disk import Disk, Kind, Record, read
from tests.torture.verdict import PartKey, Verdict

STORE = ("gatewayd.db", "gatewayd.db-wal", "gatewayd.db-journal")
LARGEST_WRITE = 4096  # octets: neither gatewayd nor SQLite writes more in one call
LOG_PRECISION_S = 0.002  # the network's log rounds to milliseconds
NOT_SENT = ("queued", "cancelled", "failed")  # no part that the network took may have one of these states


@dataclass(frozen=True)
class Plan:
    """The size of a run. Times are real seconds."""

    name: str
    images: int
    seed: int
    ports: int = 4
    via: str = "direct"
    runs_s: tuple[float, ...] = (
        8.0,
        5.0,
        5.0,
    )  # of the daemons, one after the other: stopped, killed, killed
    scale: float = 1.0


class Cuts:
    """One run, in a folder of its own."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.plan = plan
        self.path = path
        (path / "box").mkdir()
        self.verdict = Verdict(plan.name)
        via = f'submit_via = "{plan.via}"\n' if plan.via != "direct" else ""
        self.box = Box(
            path / "box",
            slots=dict.fromkeys(range(1, plan.ports + 1), 1),
            dispatch=f"{via}in_doubt_wait_s = 3600\n",
            daemon="stop_timeout_s = 2",
        )
        self._chance = random.Random(plan.seed)  # noqa: S311 - repeatable
        self._killed_at: list[float] = []

    def run(self) -> Verdict:
        """Do the whole run. Returns the verdict."""
        began = time.monotonic()
        clock = time.time() - began
        clients = self._record()
        if abs(time.time() - time.monotonic() - clock) > LOG_PRECISION_S:
            self.verdict.broken.append("the clock was set meanwhile: these figures prove nothing")
        records = read(self.path / "records")
        self._compare_whole(records)
        taken = [
            ((event["recipient"], event["part"]), event["at"]) for event in self.box.network("submitted")
        ]
        self.verdict.broken += clients.unexpected
        self.verdict.accepted = len(clients.accepted)
        self._try_images(records, clients.accepted, taken)
        self.verdict.seconds = time.monotonic() - began
        return self.verdict

    def _record(self) -> Clients:
        """Run daemons under load, one after the other on one store, and record their writes."""
        box, plan = self.box, self.plan
        shim = built_shim(self.path)
        environment = {
            "LD_PRELOAD": str(shim),
            "SHIM_STORE": str(box.path / "gatewayd.db"),
            "SHIM_LOG": str(self.path / "records"),
        }
        clients = None
        box.start_bank("--submit-s", "0.15", "--delivery-s", "0.1", "--seed", str(plan.seed))
        try:
            for number, run_s in enumerate(plan.runs_s):
                options = () if plan.scale == 1 else ("--scale", str(plan.scale))
                module = "gatewayd.cli" if plan.scale == 1 else "tests.bench.quick_daemon"
                box.start_gateway(*options, module=module, environment=environment)
                if clients is None:
                    box.sims_ready(plan.ports)
                    clients = Clients(box.api, box.headers, plan.seed, pause_s=0.1)
                    clients.start()
                time.sleep(run_s)
                assert box.gateway is not None
                if number == 0:
                    box.gateway.stop()
                elif number < len(plan.runs_s) - 1:
                    box.gateway.kill()
                    self._killed_at.append(time.time())
                    self.verdict.kills += 1
            assert clients is not None
            clients.stop()
            assert box.gateway is not None
            box.gateway.kill()
        finally:
            box.stop()
        return clients

    def _compare_whole(self, records: list[Record]) -> None:
        """Check that no write was missed: all records, replayed, must give exactly the files on the disk."""
        disk = Disk()
        for record in records:
            disk.take(record)
        on_disk = {
            name: (self.box.path / name).read_bytes() for name in STORE if (self.box.path / name).exists()
        }
        replayed = disk.contents()
        different = [
            name for name in on_disk.keys() | replayed.keys() if on_disk.get(name) != replayed.get(name)
        ]
        # The process was killed: the last call may have been made and not been recorded yet.
        if len(different) == 1 and one_call_apart(
            on_disk.get(different[0], b""), replayed.get(different[0], b"")
        ):
            return
        for name in sorted(different):
            self.verdict.broken.append(
                f"the record is not complete: {name}, replayed, differs from the file on the disk"
            )
        kinds = Counter(record.kind for record in records)
        if not all(kinds[kind] for kind in (Kind.CREATED, Kind.WROTE, Kind.SYNCED, Kind.FOLDER_SYNCED)):
            self.verdict.broken.append(f"the record lacks events: {kinds}")

    def _try_images(
        self, records: list[Record], accepted: list[Accepted], taken: list[tuple[PartKey, float]]
    ) -> None:
        settings = load(self.box.config)
        cuts = sorted(self._chance.choices(range(len(records)), k=self.plan.images))
        disk, done = Disk(), 0
        logging.disable(logging.CRITICAL)  # each start logs the parts in doubt
        try:
            for cut in cuts:
                while done <= cut:
                    # A sync that runs at the cut has not ended; a write that runs may be there in part.
                    if done == cut and records[cut].kind in (Kind.SYNCED, Kind.FOLDER_SYNCED):
                        break
                    disk.take(records[done])
                    done += 1
                self.verdict.images += 1
                folder = self.path / "image"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                for name, content in disk.after_power_cut(self._chance).items():
                    (folder / name).write_bytes(content)
                if self._chance.random() < 0.2:  # the memory-mapped index may have been written too
                    (folder / "gatewayd.db-shm").write_bytes(self._chance.randbytes(32768))
                found = self._faults(settings, folder, records[cut].ended, accepted, taken)
                if found:
                    self.verdict.images_failed += 1
                    shutil.copytree(folder, self.path / f"failed{cut}", dirs_exist_ok=True)
                    self.verdict.broken += [f"image at record {cut}: {sentence}" for sentence in found]
        finally:
            logging.disable(logging.NOTSET)

    def _faults(
        self,
        settings: Settings,
        folder: Path,
        at: float,
        accepted: list[Accepted],
        taken: list[tuple[PartKey, float]],
    ) -> list[str]:
        """The faults found in the image of a power cut at a moment."""
        path = folder / "gatewayd.db"
        try:
            _start_up(settings, path)
            with closing(sqlite3.connect(path)) as db:
                sound = db.execute("PRAGMA integrity_check").fetchone()[0]
                kept = dict(db.execute("SELECT sms_id, parts FROM messages"))
                keys = {row[0] for row in db.execute("SELECT key FROM idempotency")}
                states: dict[PartKey, str] = {
                    (row[0], row[1]): row[2]
                    for row in db.execute(
                        "SELECT m.recipient, p.seq, p.state FROM parts p JOIN messages m ON m.id = p.message_id"
                    )
                }
        except Exception as error:  # noqa: BLE001 - any error means that this image did not open
            return [f"it does not open: {error!r}"]
        found = [] if sound == "ok" else [f"integrity check: {sound}"]
        for one in accepted:
            if one.at >= at:
                continue
            if kept.get(one.sms_id) != one.parts:
                self.verdict.lost += 1
                found.append(f"{one.sms_id} was answered 200 {at - one.at:.3f} s before the cut and is lost")
            elif one.key not in keys:
                found.append(f"{one.sms_id} is kept without its idempotency key")
        for part, when in taken:
            if when < at - LOG_PRECISION_S and states.get(part, "not there") in (*NOT_SENT, "not there"):
                self.verdict.doubled += 1
                found.append(
                    f"{part} went out {at - when:.3f} s before the cut and is {states.get(part)}: it would go again"
                )
        doubts = sum(state == "in_doubt" for state in states.values())
        self.verdict.in_doubt = max(self.verdict.in_doubt, doubts)
        if doubts > self.plan.ports * (1 + sum(killed < at for killed in self._killed_at)):
            found.append(f"{doubts} parts are in doubt: more than one a port and crash")
        return found


def _start_up(settings: Settings, path: Path) -> None:
    """The work of a daemon on its store before it opens modems."""
    store = Store(path)
    store.open()
    try:
        gateway = Gateway(settings, store, Clock())
        gateway.start({port.port: PlayedPort() for port in settings.ports})
        gateway.stop(1)
    finally:
        store.close()


def built_shim(folder: Path) -> Path:
    """The shim, compiled with the compiler of this machine."""
    shim = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run(
        [
            os.environ.get("CC", "cc"),
            "-shared",
            "-fPIC",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            shim,
            source,
            "-ldl",
            "-lpthread",
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return shim


def one_call_apart(on_disk: bytes, replayed: bytes) -> bool:
    """Whether a file may be the replayed one plus one more write."""
    apart = [
        at
        for at, (octet, replayed_octet) in enumerate(zip(on_disk, replayed, strict=False))
        if octet != replayed_octet
    ]
    apart += (len(replayed), len(on_disk)) if len(on_disk) > len(replayed) else ()
    return bool(apart) and len(on_disk) >= len(replayed) and apart[-1] - apart[0] <= LARGEST_WRITE
