"""Boxes of a fleet in this process: a real store, real ports on simulated modems, and a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.settings import (
    DispatchSettings,
    FleetSettings,
    NumberSettings,
    PortSettings,
    Settings,
    StoreSettings,
)
from gatewayd.fleet.box.link import Connect
from gatewayd.fleet.fleet import Fleet, prepare_store
from gatewayd.fleet.postgres.connection import connect
from gatewayd.fleet.queue import acceptance
from gatewayd.gateway import Gateway
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import messages
from gatewayd.timekeeping.clock import Clock
from modem.port.port import Port
from modem.sms.segmentation import segment
from modem.simulator.bank import Bank, BankConfig
from tests.conftest import eventually
from tests.fleet.databases import Database
from tests.fleet.setup import fleets
from tests.modem.recording_work import FAST

# Of simulated time: a submission takes 60 ms.
SCALE = 0.02

COMPANY = 1
RECIPIENT = "+22376999999"

# The times of the protocol in these tests: as short as a busy machine allows.
TIMES = {"beat_s": 0.3, "lease_s": 3.0, "dead_after_s": 5.0, "doubt_extra_s": 1.0, "look_s": 0.2}

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Queue:
    """The queue of a fleet in PostgreSQL, as a test fills and reads it."""

    fleet: fleets.Fleet

    def send(self, text: str = "hello", *, sim: int = 1, pinned: bool = False, **columns: Any) -> int:
        """Accept a message; its id."""
        with self.fleet.connected() as db, db.transaction():
            message_id = acceptance.next_ids(db, 1)[0]
            self._insert(db, message_id, text, sim=sim, pinned=pinned, **columns)
            acceptance.enqueue(db, [message_id], accepted_by=None)
            return message_id

    def _insert(
        self, db: Transaction, message_id: int, text: str, *, sim: int, pinned: bool, **columns: Any
    ) -> None:
        now, parts = Clock().now(), len(segment(text))
        row: dict[str, Any] = {
            "sms_id": f"00000000-0000-4000-8000-{message_id:012}",
            "task_id": message_id,
            "company_id": COMPANY,
            "recipient": RECIPIENT,
            "text": text,
            "priority": 1,
            "pinned": int(pinned),
            "sim_id": sim,
            "campaign_id": None,
            "parts": parts,
            "unsent": parts,
            "undelivered": parts,
            "cost": 0.0,
            "taken_day": "2026-12-01",
            "day": "2026-12-01",
            "created_at": now,
            "expires_at": None,
            "reference": None,
            "send_at": None,
            "transactional": 0,
            "sandbox": 0,
            "stoppable": 0,
            **columns,
        }
        names = ", ".join(["id", *messages.COLUMNS])
        marks = ", ".join("?" * (1 + len(messages.COLUMNS)))
        db.execute(
            f"INSERT INTO messages ({names}) VALUES ({marks})",
            (message_id, *(row[column] for column in messages.COLUMNS)),
        )
        messages.insert_parts(
            db, [(message_id, seq, sim, pinned, row["priority"]) for seq in range(1, parts + 1)]
        )

    def one(self, statement: str, *values: object) -> Any:
        """The first column of the first row of a statement; None without a row."""
        with self.fleet.connected() as db:
            row = db.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def status(self, message_id: int) -> str:
        """The status of a message."""
        found: str = self.one("SELECT status FROM messages WHERE id = ?", message_id)
        return found

    def state(self, message_id: int) -> str | None:
        """The state of the row of a message; None: it has ended."""
        found: str | None = self.one("SELECT state FROM queue WHERE message_id = ?", message_id)
        return found

    def becomes(self, message_id: int, status: str, timeout_s: float = 30.0) -> None:
        """Wait until a message has this status."""
        eventually(lambda: self.status(message_id) == status, timeout_s)


@dataclass
class Member:
    """A running box of a fleet with its own bank of modems."""

    folder: Path
    settings: Settings
    bank: Bank
    make_connection: Connect = connect
    ports: dict[int, Port] = field(default_factory=dict)

    def start(self, *, ports: bool = True) -> None:
        """Start the box, as a daemon does."""
        clock = Clock()
        self.store = Store(self.settings.store.path, prepare=prepare_store)
        self.store.open()
        self.fleet = Fleet(self.settings, self.store, clock, make_connection=self.make_connection)
        self.gateway = Gateway(self.settings, self.store, clock, outside=self.fleet.outside)
        dispatcher = self.gateway.dispatcher
        self.ports = {
            port.port: Port(
                port, dispatcher, submit_timeout_s=self.settings.dispatch.submit_timeout_s, timing=FAST
            )
            for port in self.settings.ports
        }
        self.gateway.start(self.ports)
        self.fleet.attach(dispatcher, self.gateway.port_registry, self.gateway.submission_s)
        self.fleet.start()
        if ports:
            for port in self.ports.values():
                port.start()

    def stop(self) -> None:
        """Stop the box."""
        for port in self.ports.values():
            port.stop()
        for port in self.ports.values():
            assert port.join(60)
        self.fleet.stop(30)
        self.gateway.stop(5)
        self.store.close()

    def texts(self) -> list[str]:
        """The texts that the network took from this box, in order."""
        return [accepted.text for accepted in self.bank.accepted()]

    def row(self, statement: str, *values: object) -> Any:
        """The first row of a statement in the store of the box."""
        with self.store.readers.lend() as db:
            return db.execute(statement, values).fetchone()


class Boxes:
    """A fleet in an own database, and boxes that join it."""

    def __init__(self, database: Database, folder: Path, **times: float) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.fleet = fleets.begin_fleet(database, folder, fleets.configured(), **{**TIMES, **times})
        self.queue = Queue(self.fleet)
        self.members: list[Member] = []
        with self.fleet.connected() as db:
            db.execute("INSERT INTO companies (id, name, created_at) VALUES (?, 'Test', 0)", (COMPANY,))

    def add(
        self,
        name: str,
        *,
        ports: int = 1,
        first_sim: int = 1,
        dsn: str = "",
        make_connection: Connect = connect,
        **dispatch: Any,
    ) -> Member:
        """A box that has joined, with a bank of modems; the SIMs of its ports have ids from `first_sim` on."""
        folder = self.folder / name
        folder.mkdir()
        bank = Bank(BankConfig(folder / "bank", ports=ports, time_scale=SCALE))
        bank.__enter__()
        numbers = range(1, ports + 1)
        settings = Settings(
            store=StoreSettings(path=folder / "gatewayd.db"),
            numbers=NumberSettings(plan="guide"),
            dispatch=DispatchSettings(submit_timeout_s=5, **dispatch),
            fleet=FleetSettings(dsn=dsn or self.fleet.dsn, name=name, password_file=self.fleet.password_file),
            ports=tuple(PortSettings(port=port, device=str(bank.device(port))) for port in numbers),
        )
        with fleets.own_box(self.folder, name) as own:
            fleets.join(self.fleet, own, name)
            own.store.write(lambda db: self._give_ids(db, first_sim))
        with self.fleet.connected() as db:
            for port in numbers:
                sim_id = first_sim + port - 1
                db.execute(
                    "INSERT INTO sims (id, iccid, port, slot, first_seen_at) VALUES (?, ?, ?, 1, 0)",
                    (sim_id, bank.slots(port)[0].iccid, port),
                )
        member = Member(folder, settings, bank, make_connection)
        self.members.append(member)
        return member

    def _give_ids(self, db: Transaction, first_sim: int) -> None:
        if first_sim > 1:  # the next card gets the next id
            db.execute(
                "INSERT INTO sims (id, iccid, port, slot, first_seen_at, box) VALUES (?, 'none', 99, 1, 0, 'none')",
                (first_sim - 1,),
            )

    def close(self) -> None:
        """Stop what runs."""
        for member in self.members:
            member.bank.__exit__(None, None, None)


Add = Callable[..., Member]


@contextmanager
def running(*members: Member) -> Iterator[None]:
    """Boxes that run for as long as the block lasts."""
    started: list[Member] = []
    try:
        for member in members:
            member.start()
            started.append(member)
        yield
    finally:
        for member in started:
            member.stop()
