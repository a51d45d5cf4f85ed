"""The boxes of a fleet: what they do, who is recovering, and who leaves."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from config.language.text import Text
from gatewayd.fleet.queue import boxes
from gatewayd.fleet.setup.errors import SetupError
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Calendar, Moment


@dataclass(frozen=True, slots=True)
class BoxState:
    """A box: its lease, and what it has of the queue."""

    name: str
    state: str  # member, left or excluded
    alive: bool  # it joined, and no other box found it dead
    seen_s: float  # since its last beat came, by the clock of PostgreSQL
    lease_s: float  # of what a beat is good for
    version: str
    caught_up: bool
    claimed: int = 0
    started: int = 0
    in_doubt: int = 0
    waiting: int = 0  # planned for its SIMs
    sims: int = 0  # that are there
    sims_ready: int = 0  # and can send
    duties: list[str] = field(default_factory=list)

    @property
    def is_silent(self) -> bool:
        """Whether it is a member whose lease is over."""
        return self.state == "member" and (not self.alive or self.seen_s > self.lease_s)


@dataclass(frozen=True, slots=True)
class FleetState:
    """All boxes, and what waits."""

    recovering: bool
    time_zone: str
    in_doubt: str
    boxes: list[BoxState]
    waiting: int
    scheduled: int
    nowhere: int  # that wait for SIMs of no box that works
    doubts: int
    unsafe: list[str]  # settings of the server with which a power cut loses what it has confirmed

    def as_document(self) -> dict[str, Any]:
        """The state as `gatewayd fleet status --json` prints it."""
        found = asdict(self)
        for each, box in zip(found["boxes"], self.boxes, strict=True):
            each["silent"] = box.is_silent
        return found


def state(db: Transaction) -> FleetState:
    """The fleet as it is now. Raises SetupError where there is none."""
    row = db.execute("SELECT recovering, time_zone, in_doubt, lease_s FROM fleet").fetchone()
    if row is None:
        raise SetupError(Text("there is no fleet in this database: `gatewayd fleet init` makes one"))
    recovering, time_zone, in_doubt, lease_s = row
    held: dict[str, dict[str, int]] = {}
    for box, state_, count in db.execute(
        "SELECT box, state, count(*) FROM queue WHERE box IS NOT NULL GROUP BY box, state"
    ):
        held.setdefault(box, {})[state_] = count
    waiting: dict[str | None, int] = {}
    for box, count in db.execute(
        "SELECT p.box, count(*) FROM queue q LEFT JOIN sim_places p ON p.sim_id = q.sim_id"
        " WHERE q.state = 'waiting' GROUP BY p.box"
    ):
        waiting[box] = count
    cards = {
        box: (there, ready)
        for box, there, ready in db.execute(
            "SELECT box, coalesce(sum(there), 0), coalesce(sum(CASE WHEN there = 1 AND up = 1 AND registered = 1 THEN 1 ELSE 0 END), 0)"
            " FROM sim_places GROUP BY box"
        )
    }
    duties: dict[str, list[str]] = {}
    for name, box in db.execute(
        "SELECT d.name, d.box FROM duties d JOIN boxes b ON b.name = d.box AND b.epoch = d.epoch ORDER BY d.name"
    ):
        duties.setdefault(box, []).append(name)
    found = []
    for name, box_state, alive, seen_s, version, caught_up in db.execute(
        "SELECT name, state, alive, extract(epoch FROM clock_timestamp()) - seen_at / 1e6, version, caught_up"
        " FROM boxes ORDER BY number"
    ):
        there, ready = cards.get(name, (0, 0))
        own = held.get(name, {})
        found.append(
            BoxState(
                name,
                box_state,
                bool(alive),
                round(max(float(seen_s), 0.0), 1),
                lease_s,
                version,
                bool(caught_up),
                claimed=own.get("claimed", 0),
                started=own.get("started", 0),
                in_doubt=own.get("in_doubt", 0),
                waiting=waiting.get(name, 0),
                sims=int(there),
                sims_ready=int(ready),
                duties=duties.get(name, []),
            )
        )
    working = {each.name for each in found if each.state == "member" and not each.is_silent}
    return FleetState(
        bool(recovering),
        time_zone,
        in_doubt,
        found,
        sum(waiting.values()),
        _one(db, "SELECT count(*) FROM messages WHERE status = 'pending' AND day = '' AND sandbox = 0"),
        sum(count for box, count in waiting.items() if box not in working),
        sum(each.get("in_doubt", 0) for each in held.values()),
        [
            row[0]
            for row in db.execute(
                "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name"
            )
        ],
    )


def exclude(db: Transaction, name: str, at: Moment, calendar: Calendar) -> None:
    """Take out a box that does not come back. What it had claimed waits again; what it had started comes in doubt.

    While the fleet is recovering, all that the box may have sent since the backup comes in doubt too: what it knew is lost.
    Raises SetupError where it is no member.
    """
    _retire(db, name, "excluded", at, calendar)
    if _one(db, "SELECT recovering FROM fleet"):
        while boxes.doubt_forgotten(db, name, at, calendar):
            pass


def leave(db: Transaction, name: str, at: Moment, calendar: Calendar) -> None:
    """Take this box out. Raises SetupError where it is no member."""
    _retire(db, name, "left", at, calendar)


def started(db: Transaction, name: str) -> tuple[int, int]:
    """The messages that a box has started, and those of its in doubt."""
    row = db.execute(
        "SELECT count(CASE WHEN state = 'started' THEN 1 END), count(CASE WHEN state = 'in_doubt' THEN 1 END)"
        " FROM queue WHERE box = ?",
        (name,),
    ).fetchone()
    return row[0], row[1]


def recovered(db: Transaction) -> None:
    """Let the boxes claim again after PostgreSQL was restored. Raises SetupError while one has not told everything again."""
    if not _one(db, "SELECT recovering FROM fleet FOR UPDATE"):
        raise SetupError(Text("the fleet is not recovering: nothing was changed"))
    if missing := boxes.recovered(db):
        raise SetupError(
            Text(
                "these boxes have not told everything again: {boxes}. Start them, or take out those that do not come back:"
                " `gatewayd fleet exclude BOX`",
                boxes=", ".join(missing),
            )
        )


def _retire(db: Transaction, name: str, state: str, at: Moment, calendar: Calendar) -> None:
    if not boxes.retire(db, name, state):
        known = ", ".join(
            row[0] for row in db.execute("SELECT name FROM boxes WHERE state = 'member' ORDER BY number")
        )
        raise SetupError(
            Text("no member of the fleet is {name}; its members are: {known}", name=name, known=known or "–")
        )
    while boxes.settle_rescued(db, at, calendar):
        pass
    db.execute("DELETE FROM sim_places WHERE box = ?", (name,))


def _one(db: Transaction, statement: str) -> int:
    row = db.execute(statement).fetchone()
    return 0 if row is None else int(row[0])
