"""A fleet in a database: boxes, SIMs and messages, put there without the daemons that do it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from gatewayd.fleet.postgres.connection import Connection, connect
from gatewayd.fleet.postgres.settings import ConnectionSettings
from gatewayd.fleet.queue import acceptance, boxes, claims, rows, starts, uploads
from gatewayd.fleet.queue.lanes import Lanes
from gatewayd.fleet.queue.names import Box, ClaimedMessage, Joined, Outcome, Started, Uploaded, Want
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Calendar, Moment
from tests.fleet.databases import Database

T = TypeVar("T")

CALENDAR = Calendar(ZoneInfo("Africa/Bamako"))
NOW = 1_790_000_000_000_000
AT = Moment(NOW, CALENDAR.day(NOW), hour=CALENDAR.hour(NOW))
TIMEOUT_S = 180.0

_MESSAGE: Mapping[str, Any] = {
    "task_id": 1,
    "company_id": 1,
    "recipient": "+22370000001",
    "text": "Hello",
    "priority": 1,
    "pinned": 0,
    "campaign_id": None,
    "cost": 0.05,
    "created_at": NOW,
    "expires_at": None,
    "reference": None,
    "send_at": None,
    "transactional": 0,
    "sandbox": 0,
    "stoppable": 0,
}
_COLUMNS = (*_MESSAGE, "id", "sms_id", "sim_id", "parts", "unsent", "undelivered", "taken_day", "day")


def connected(database: Database) -> Connection:
    """A new connection of a box. The caller closes it."""
    return connect(ConnectionSettings(database.superuser_dsn, "test"))


@dataclass
class Fleet:
    """A fleet, seen through one connection."""

    db: Connection
    boxes: dict[str, Box] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    outcomes: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def begin(self) -> None:
        """Make the row of the fleet, and a company."""
        with self.db.transaction():
            self.db.execute(
                "INSERT INTO fleet (id, time_zone, numbering, retention_days, in_doubt, in_doubt_wait_s, max_pending, created_at)"
                " VALUES (1, 'Africa/Bamako', '{}', 30, 'retry', 120, 1000000, ?)",
                (NOW,),
            )
            self.db.execute("INSERT INTO companies (id, name, created_at) VALUES (1, 'One', ?)", (NOW,))

    def run(self, work: Callable[[Transaction], T]) -> T:
        """Run one transaction."""
        with self.db.transaction():
            return work(self.db)

    def add_box(self, name: str, sims: Sequence[int] = ()) -> Box:
        """A member with SIMs that can send, which has joined."""
        with self.db.transaction():
            self.db.execute(
                "INSERT INTO boxes (name, number, incarnation, submit_timeout_s, version, joined_at, seen_at)"
                " VALUES (?, (SELECT count(*) + 1 FROM boxes), ?, ?, 'test', ?, ?)",
                (name, f"{name}-1", TIMEOUT_S, NOW, NOW),
            )
        for sim_id in sims:
            self.add_sim(sim_id, name)
        return self.join(name).box

    def add_sim(self, sim_id: int, box: str, **settings: Any) -> None:
        """A SIM in a box, up and free."""
        with self.db.transaction():
            self.db.execute(
                "INSERT INTO sims (id, iccid, port, slot, cost, first_seen_at, box) VALUES (?, ?, ?, 0, 0.05, ?, ?)",
                (sim_id, f"iccid-{sim_id}", sim_id, NOW, box),
            )
            if settings:
                columns = ", ".join(f"{name} = :{name}" for name in settings)
                self.db.execute(f"UPDATE sims SET {columns} WHERE id = :sim", {**settings, "sim": sim_id})
            self.db.execute(
                "INSERT INTO sim_places (sim_id, box, port, slot, up, registered, active, busy, dead, there, rests_s, load_parts)"
                " VALUES (?, ?, ?, 0, 1, 1, 1, 0, 0, 1, 0, 0)",
                (sim_id, box, sim_id),
            )

    def place(self, sim_id: int, **state: Any) -> None:
        """Change the state of a SIM, as its box tells it."""
        columns = ", ".join(f"{name} = :{name}" for name in state)
        self.execute(f"UPDATE sim_places SET {columns} WHERE sim_id = :sim", {**state, "sim": sim_id})

    def join(self, name: str, incarnation: str | None = None, **known: Any) -> Joined:
        """Let a box take a new epoch."""
        present = self.one("SELECT epoch FROM boxes WHERE name = ?", name) or 0
        known = {"acknowledged": 0, "journal": 0, "had_id": 0, "present": present, **known}
        known.setdefault("epoch", max(present, known.get("last_epoch", 0)) + 1)
        token = incarnation or self.one("SELECT incarnation FROM boxes WHERE name = ?", name)
        joined = self.run(
            lambda db: boxes.join(db, name, token, version="test", submit_timeout_s=TIMEOUT_S, **known)
        )
        self.boxes[name] = joined.box
        return joined

    def accept(
        self, sim_id: int, count: int = 1, *, started_by: Box | None = None, **values: Any
    ) -> list[int]:
        """Accept messages that are planned for a SIM; their ids."""
        with self.db.transaction():
            ids = self.insert(sim_id, count, **values)
            if started_by is None:
                acceptance.enqueue(self.db, ids, accepted_by=next(iter(self.boxes), None))
            else:
                acceptance.enqueue_started(self.db, ids, started_by)
        return ids

    def insert(self, sim_id: int, count: int = 1, *, parts: int = 1, **values: Any) -> list[int]:
        """Insert messages and their parts, and reserve what they take, without the queue."""
        ids = acceptance.begin(self.db, (), count)
        for message_id in ids:
            row = {
                **_MESSAGE,
                **values,
                "id": message_id,
                "sms_id": f"sms-{message_id}",
                "sim_id": sim_id,
                "parts": parts,
                "unsent": parts,
                "undelivered": parts,
                "cost": 0.05 * parts,
                "taken_day": AT.today,
                "day": AT.today,
            }
            self.db.execute(
                f"INSERT INTO messages ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})",
                row,
            )
            self.db.execute(
                "INSERT INTO parts (message_id, seq, sim_id, pinned, priority, company_id, transactional)"
                " SELECT m.id, seq, m.sim_id, m.pinned, m.priority, m.company_id, m.transactional"
                " FROM messages m, generate_series(1, m.parts) seq WHERE m.id = ?",
                (message_id,),
            )
        self.db.execute(
            "INSERT INTO sim_usage AS u (sim_id, day, taken, taken_parts) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (sim_id, day) DO UPDATE SET taken = u.taken + excluded.taken,"
            " taken_parts = u.taken_parts + excluded.taken_parts",
            (sim_id, AT.today, count, count * parts),
        )
        self.db.execute(
            "INSERT INTO company_usage AS u (company_id, month, used) VALUES (?, ?, ?)"
            " ON CONFLICT (company_id, month) DO UPDATE SET used = u.used + excluded.used",
            (values.get("company_id", 1), AT.today[:7], count),
        )
        return ids

    def claim(
        self, name: str, *wants: Want | int, closed: frozenset[int] = frozenset(), at: Moment = AT
    ) -> list[ClaimedMessage]:
        """Claim up to 100 messages for each SIM, or what is wanted, with a new memory."""
        wanted = [Want(want, 100) if isinstance(want, int) else want for want in wants]
        return self.run(
            lambda db: claims.claim(
                db,
                self.boxes[name],
                wanted,
                lanes=Lanes(lambda: 0.0),
                closed=closed,
                at=at,
                calendar=CALENDAR,
            )
        )

    def start(self, name: str, ids: Sequence[int]) -> dict[int, Started]:
        """Start messages."""
        return self.run(lambda db: starts.start(db, self.boxes[name], ids))

    def started(self, name: str, sim_id: int, **values: Any) -> int:
        """A message that a box has accepted, claimed and started."""
        [message_id] = self.accept(sim_id, **values)
        assert [one.message_id for one in self.claim(name, sim_id)] == [message_id]
        assert list(self.start(name, [message_id])) == [message_id]
        return message_id

    def upload(self, name: str, *outcomes: Outcome, **options: Any) -> Uploaded:
        """Upload outcomes."""
        return self.run(
            lambda db: uploads.upload(
                db,
                self.boxes[name],
                outcomes,
                at=AT,
                calendar=CALENDAR,
                submit_timeout_s=TIMEOUT_S,
                **options,
            )
        )

    def part(
        self, message_id: int, state: str, *, sim_id: int, epoch: int | None, seq: int = 1, **values: Any
    ) -> Outcome:
        """The outcome of a part."""
        document = {
            "state": state,
            "sim_id": sim_id,
            "token": 1,
            "port": sim_id,
            "reference": None if state in ("queued", "in_doubt") else 7,
            "attempts": 1,
            "started_at": NOW,
            "ended_at": NOW + 1_000_000,
            "service_centre_at": None,
            **values,
        }
        return Outcome(next(self.outcomes), NOW + 2_000_000, "part", message_id, seq, document, epoch)

    def other(
        self,
        kind: str,
        message_id: int | None = None,
        epoch: int | None = None,
        seq: int | None = None,
        **document: Any,
    ) -> Outcome:
        """Another outcome."""
        return Outcome(next(self.outcomes), NOW + 3_000_000, kind, message_id, seq, document, epoch)

    def execute(self, sql: str, values: Any = ()) -> list[Any]:
        """Run one statement, as a transaction of its own."""
        cursor = self.db.execute(sql, values)
        return cursor.fetchall() if cursor.description else []

    def one(self, sql: str, *values: Any) -> Any:
        """The first column of the first row; None without a row."""
        found = self.execute(sql, values)
        return found[0][0] if found else None

    def row(self, message_id: int) -> dict[str, Any] | None:
        """The row of a message in the queue."""
        found = self.execute("SELECT * FROM queue WHERE message_id = ?", (message_id,))
        return dict(zip(found[0].keys(), found[0], strict=True)) if found else None

    def state(self, message_id: int) -> str:
        """The state of a message: of its row in the queue, or its status."""
        row = self.row(message_id)
        return str(row["state"] if row else self.message(message_id)["status"])

    def message(self, message_id: int) -> dict[str, Any]:
        """The row of a message."""
        [row] = self.execute("SELECT * FROM messages WHERE id = ?", (message_id,))
        return dict(zip(row.keys(), row, strict=True))

    def events(self, message_id: int) -> list[int]:
        """The types of the events of a message, in order."""
        return [
            row[0]
            for row in self.execute("SELECT type FROM events WHERE message_id = ? ORDER BY id", (message_id,))
        ]

    def usage(self, sim_id: int) -> tuple[int, int, int, int]:
        """The messages that a SIM has taken, their parts, and those that it sent and that failed, on all days."""
        [row] = self.execute(
            "SELECT coalesce(sum(taken), 0), coalesce(sum(taken_parts), 0), coalesce(sum(sent), 0), coalesce(sum(failed), 0)"
            " FROM sim_usage WHERE sim_id = ?",
            (sim_id,),
        )
        return (row[0], row[1], row[2], row[3])

    def own(self, name: str) -> dict[int, str]:
        """The rows of a box: state by message."""
        return {row.message_id: row.state for row in self.run(lambda db: rows.own(db, name))}


@contextmanager
def fleet_in(database: Database) -> Iterator[Fleet]:
    """The fleet in a database that has the schema."""
    db = connected(database)
    try:
        yield Fleet(db)
    finally:
        db.close()
