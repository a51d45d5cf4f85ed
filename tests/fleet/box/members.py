"""Boxes of a fleet in this process: a real store, real ports on simulated modems, and a real PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
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
from gatewayd.fleet.fleet import Fleet
from gatewayd.fleet.postgres.connection import connect
from gatewayd.fleet.queue import acceptance, takings
from gatewayd.fleet.queue.names import Box
from gatewayd.gateway import Gateway
from gatewayd.sending.acceptance import StartedHere
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import messages
from gatewayd.store.tables.outcomes import install_outcomes
from gatewayd.timekeeping.clock import Clock
from modem.port.port import Port
from modem.simulator.bank import Bank, BankConfig
from modem.sms.segmentation import segment
from tests.conftest import eventually
from tests.fleet.databases import Database
from tests.fleet.proxy import Proxy
from tests.fleet.setup import fleets
from tests.modem.recording_work import FAST

# Of simulated time: a submission takes 60 ms.
SCALE = 0.02

COMPANY = 1
RECIPIENT = "+22376999999"

# The times of the protocol in these tests: as short as a busy machine allows.
TIMES = {"beat_s": 0.3, "lease_s": 3.0, "dead_after_s": 5.0, "doubt_extra_s": 1.0, "look_s": 0.2}

CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
"""Cancels the statements that wait for a lock; no row: none does."""

_SIM = "INSERT INTO sims (id, iccid, port, slot, first_seen_at) VALUES (?, ?, ?, 1, 0)"


@dataclass(frozen=True)
class Queue:
    """The queue of a fleet in PostgreSQL, as a test fills and reads it."""

    fleet: fleets.Fleet

    def send(
        self,
        text: str = "hello",
        *,
        sim: int = 1,
        pinned: bool = False,
        started_by: Box | None = None,
        **columns: Any,
    ) -> int:
        """Accept a message; its id."""
        with self.fleet.connected() as db, db.transaction():
            (message_id,) = acceptance.begin(db, (), 1)
            self._insert(db, message_id, text, sim=sim, pinned=pinned, **columns)
            if started_by is None:
                acceptance.enqueue(db, [message_id], accepted_by=None)
            else:
                acceptance.enqueue_started(db, [message_id], started_by)
            return message_id

    def started(self, message_id: int) -> StartedHere:
        """A message that was sent with `started_by`, as its box hears of it."""
        with self.fleet.connected() as db:
            row = takings.message_rows(db, [message_id])[message_id]
            queued = db.execute("SELECT epoch FROM queue WHERE message_id = ?", (message_id,)).fetchall()
        return StartedHere(message_id, row["sim_id"], queued[0]["epoch"], row)

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
        """Wait until a message has this status; one that is reported soon is `delivered` instead of `sent`."""
        wanted = ("sent", "delivered") if status == "sent" else (status,)
        eventually(lambda: self.status(message_id) in wanted, timeout_s)


@dataclass
class Member:
    """A running box of a fleet with its own bank of modems."""

    folder: Path
    settings: Settings
    bank: Bank
    make_connection: Connect = connect
    ports: dict[int, Port] = field(default_factory=dict)
    sim_ids: tuple[int, ...] = ()
    prompt_s: float = FAST.channel.prompt_s  # for which a port waits for a prompt

    def start(self, *, ports: bool = True) -> None:
        """Start the box, as a daemon does."""
        clock = Clock()
        self.store = Store(self.settings.store.path, prepare=install_outcomes)
        self.store.open()
        self.fleet = Fleet(self.settings, self.store, clock, make_connection=self.make_connection)
        self.gateway = Gateway(self.settings, self.store, clock, outside=self.fleet.outside)
        dispatcher = self.gateway.dispatcher
        limit_s = self.settings.dispatch.submit_timeout_s
        timing = replace(FAST, channel=replace(FAST.channel, prompt_s=self.prompt_s))
        self.ports = {
            port.port: Port(port, dispatcher, submit_timeout_s=limit_s, timing=timing)
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

    def rows(self, statement: str, *values: object) -> list[Any]:
        """The rows of a statement in the store of the box."""
        with self.store.readers.lend() as db:
            found: list[Any] = db.execute(statement, values).fetchall()
        return found

    def part_state(self, message_id: int, seq: int = 1) -> str | None:
        """The state of a part in the store of the box; None: it is not there."""
        row = self.row("SELECT state FROM parts WHERE message_id = ? AND seq = ?", message_id, seq)
        return None if row is None else row[0]

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

    def dsn_through(self, proxy: Proxy) -> str:
        """The connection settings of a box that reaches PostgreSQL by a proxy."""
        return self.fleet.dsn.replace(f"port={self.fleet.database.server.port}", f"port={proxy.port}")

    def add(
        self,
        name: str,
        *,
        ports: int = 1,
        first_sim: int = 1,
        dsn: str = "",
        make_connection: Connect = connect,
        prefetch_s: float = 10,
        timing_prompt_s: float = FAST.channel.prompt_s,
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
            dispatch=DispatchSettings(**{"submit_timeout_s": 5, **dispatch}),
            fleet=FleetSettings(
                dsn=dsn or self.fleet.dsn,
                name=name,
                password_file=self.fleet.password_file,
                prefetch_s=prefetch_s,
            ),
            ports=tuple(PortSettings(port=port, device=str(bank.device(port))) for port in numbers),
        )
        with fleets.own_box(self.folder, name) as own:
            fleets.join(self.fleet, own, name)
            cards = [(first_sim + port - 1, f"{name} {bank.iccid(port)}", port) for port in numbers]
            local = [(sim_id, bank.iccid(port), port) for sim_id, _, port in cards]
            own.store.write(lambda db: db.executemany(_SIM, local))
        with self.fleet.connected() as db:
            db.executemany(_SIM, cards)  # the cards of all banks have the same numbers
        member = Member(folder, settings, bank, make_connection, prompt_s=timing_prompt_s)
        member.sim_ids = tuple(first_sim + port - 1 for port in numbers)
        self.members.append(member)
        return member

    def set_fleet(self, **columns: object) -> None:
        """Change what the boxes agree on."""
        with self.fleet.connected() as db:
            for column, value in columns.items():
                db.execute(f"UPDATE fleet SET {column} = ?", (value,))

    def leave_places(self, member: Member) -> None:
        """The SIMs of a box are nowhere, as a fleet sees it once the box is dead."""
        with self.fleet.connected() as db:
            db.execute("DELETE FROM sim_places WHERE box = ?", (member.settings.fleet.name,))

    def copy_sims(self) -> None:
        """Have each running box know the SIMs of the others, as the copies of the tables make it."""
        for member in self.members:
            others = [
                (sim_id, f"of {other.settings.fleet.name} {sim_id}", other.settings.fleet.name)
                for other in self.members
                for sim_id in other.sim_ids
                if other is not member
            ]
            member.store.write(partial(_insert_others, others))

    def place(self, member: Member, *sim_ids: int) -> None:
        """Tell the fleet that SIMs are in a box and can send, as the box itself will."""
        with self.fleet.connected() as db:
            for port, sim_id in enumerate(sim_ids, 1):
                db.execute(
                    "INSERT INTO sim_places (sim_id, box, port, slot, up, registered, active, busy, dead, there, rests_s,"
                    " load_parts) VALUES (?, ?, ?, 1, 1, 1, 1, 0, 0, 1, 0, 0)",
                    (sim_id, member.settings.fleet.name, port),
                )

    def counts(self) -> Counter[str]:
        """How often the networks of all boxes took each text."""
        return Counter(text for member in self.members for text in member.texts())

    def close(self) -> None:
        """Stop what runs."""
        for member in self.members:
            member.bank.__exit__(None, None, None)


def _insert_others(rows: list[tuple[int, str, str]], db: Transaction) -> None:
    db.executemany(
        "INSERT INTO sims (id, iccid, box, port, slot, first_seen_at) VALUES (?, ?, ?, 1, 1, 0)", rows
    )


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
