"""Two boxes play the protocol at random against the real statements, with lost answers and statements that are executed late.

As the model of the protocol: a request is asked, executed and answered in three steps; its answer may be lost, and it may be executed
long after its box gave it up. Boxes crash, come back with their journal or with an empty one, lose their lease, and are rescued.

    P1  no message is lost: once nothing more can happen, each is final, or in doubt where nobody can know
    P2  a part is handed over twice only after a doubt of its message that was retried
    P3  a row says `sent` only if one SIM handed over every part
    P4  nothing is handed over of a cancelled message
    P6  a part is handed over only while the row is `started` by this box, under the epoch of its own start
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from gatewayd.fleet.queue import boxes, cancels, claims, doubts, releases, rows, starts, uploads
from gatewayd.fleet.queue.lanes import Lanes
from gatewayd.fleet.queue.names import Box, EpochOldError, Outcome, OwnRow, Want
from gatewayd.store import Transaction
from tests.fleet.databases import Database
from tests.fleet.queue.boxes_of_a_fleet import AT, CALENDAR, NOW, TIMEOUT_S, Fleet, fleet_in

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(1800)]

NAMES = ("a", "b")
SIM = {"a": 1, "b": 2}
NOT, AIR, SENT, DOUBT = "not", "air", "sent", "doubt"
OLD = object()  # the answer that the epoch is old

PHASES = [Phase.generate] if os.environ.get("QUEUE_FIRST") else list(Phase)
EXAMPLES = int(os.environ.get("QUEUE_EXAMPLES", "200"))  # of the long form

_TABLES = (
    "queue", "messages", "parts", "sent_parts", "refusals", "events", "sim_usage", "company_usage", "boxes", "sims", "sim_places",
    "fleet", "companies",
)  # fmt: skip


class NotNowError(Exception):
    """An action is not possible in the present situation."""


def _now(possible: object) -> None:
    if not possible:
        raise NotNowError


@dataclass
class Entry:
    """A message in the journal of a box."""

    parts: dict[int, str]
    state: str = "none"  # none, claimed, started, out
    epoch: int = 0

    @property
    def nothing(self) -> bool:
        """Nothing of it was handed over."""
        return all(state == NOT for state in self.parts.values())

    @property
    def in_air(self) -> bool:
        """A port has a part of it."""
        return AIR in self.parts.values()

    @property
    def in_doubt(self) -> bool:
        """A part of it is in doubt."""
        return DOUBT in self.parts.values()

    @property
    def all_sent(self) -> bool:
        """All its parts were sent."""
        return all(state == SENT for state in self.parts.values())

    def forget_doubts(self) -> None:
        """A message is claimed only after its doubts were retried."""
        for seq, state in self.parts.items():
            if state == DOUBT:
                self.parts[seq] = NOT


@dataclass
class Request:
    """A request to PostgreSQL."""

    kind: str
    run: Callable[[Transaction], Any]
    answer: Callable[[Any], None]
    result: Any = None
    done: bool = False


@dataclass
class PlayedBox:
    """A box: its memory, which a crash takes, and its journal."""

    name: str
    box: Box
    mode: str = "run"  # down, join, run
    lease: bool = False
    lease_since: int = 0  # the number of its beat
    request: Request | None = None
    late: list[Request] = field(default_factory=list)
    port: tuple[int, int, str] | None = None  # message, part, stage
    journal: dict[int, Entry] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    told: int = 0  # acknowledged
    number: int = 0
    tokens: int = 0
    incarnations: int = 1
    asked: int = 0  # the highest epoch that it asked for

    @property
    def sim(self) -> int:
        """Its only SIM."""
        return SIM[self.name]

    @property
    def untold(self) -> list[Outcome]:
        """Outcomes that are not acknowledged."""
        return [each for each in self.outcomes if each.number > self.told]


class Protocol:
    """The boxes, the network and the clients."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        with self.fleet.db.transaction():
            self.fleet.db.run_script("".join(f"DELETE FROM {table};" for table in _TABLES))
            self.fleet.db.run_script(
                "ALTER SEQUENCE message_ids RESTART"
            )  # an example always has the same ids
        self.fleet.boxes.clear()
        self.fleet.begin()
        self.boxes = {}
        for name in NAMES:
            box = self.fleet.add_box(name, [SIM[name]])
            self.boxes[name] = PlayedBox(name, box)
        self.messages: dict[int, int] = {}  # number of parts
        self.handed: Counter[tuple[int, int]] = Counter()
        self.by: Counter[tuple[str, int, int]] = Counter()
        self.retries: Counter[int] = Counter()
        self.seen: dict[str, tuple[int, int]] = {}
        self.dead: dict[str, tuple[int, int]] = {}
        self.beats: Counter[str] = Counter()
        self.watched_at: dict[str, int] = {}
        self.reported: set[tuple[str, int, int]] = set()

    # --- the play

    def play(self, choice: int) -> None:
        """Do an action that a number chooses among those that are possible now."""
        chance = Random(choice)  # noqa: S311 - no secret
        for _ in range(40):
            [action] = chance.choices(_ACTIONS, _WEIGHTS)
            name = chance.choice(NAMES)
            try:
                getattr(self, action)(name, chance)
            except NotNowError:
                continue
            note(f"{action} {name}")
            self.each_message_is_where_it_belongs()
            return

    # --- clients

    def accept(self, name: str, chance: Random) -> None:
        _now(len(self.messages) < 3)
        parts, at_once = chance.randint(1, 2), chance.random() < 0.3
        box = self.boxes[name]
        free = box.mode == "run" and box.lease and box.port is None and box.request is None
        started_by = box.box if at_once and free else None
        try:
            [message_id] = self.fleet.accept(box.sim, parts=parts, started_by=started_by)
        except EpochOldError:
            box.mode = "join"
            return
        self.messages[message_id] = parts
        if started_by is not None:
            box.journal[message_id] = Entry(dict.fromkeys(range(1, parts + 1), NOT), "started", box.box.epoch)

    def cancel(self, name: str, chance: Random) -> None:
        _now(self.messages)
        message_id = chance.choice(sorted(self.messages))
        state, retried = self.fleet.state(message_id), self.retries[message_id]
        known = self.fleet.one("SELECT count(*) FROM sent_parts WHERE message_id = ?", message_id)
        done = self.fleet.run(lambda db: cancels.cancel(db, [message_id], AT))
        assert bool(done) == (state in ("waiting", "claimed") and not retried and not known)

    # --- requests of boxes

    def ask(self, name: str, chance: Random) -> None:
        box = self.boxes[name]
        _now(box.request is None and box.mode != "down")
        options = list(self._options(box))
        _now(options)
        box.request = chance.choice(options)
        note(f"{name} asks {box.request.kind}")

    def _options(self, box: PlayedBox) -> Iterator[Request]:
        if box.mode == "join":
            yield self._join(box)
            return
        if box.untold:
            yield self._upload(box)
        else:
            yield self._claim(box)
        claimed = [
            each
            for each, one in box.journal.items()
            if one.state == "claimed" and one.epoch == box.box.epoch and not one.in_air
        ]
        if claimed:
            yield self._start(box, claimed)
        yield self._list(box)

    def _join(self, box: PlayedBox) -> Request:
        token = f"{box.name}-{box.incarnations}"
        present = self.fleet.one("SELECT epoch FROM boxes WHERE name = ?", box.name)
        box.asked = max(box.asked, present) + 1
        known: dict[str, Any] = {
            "present": present,
            "epoch": box.asked,
            "acknowledged": box.told,
            "journal": 0,
            "had_id": 0,
        }

        def answer(joined: Any) -> None:
            box.box, box.mode, box.lease = joined.box, "run", False
            assert not joined.behind
            box.told = max(box.told, joined.acknowledged)
            box.number = max(box.number, joined.acknowledged)

        return Request(
            "join",
            lambda db: boxes.join(db, box.name, token, version="test", submit_timeout_s=TIMEOUT_S, **known),
            answer,
        )

    def _upload(self, box: PlayedBox) -> Request:
        asked, told = box.box, []
        for each in box.untold:
            entry = box.journal.get(each.message_id or 0)
            told.append(
                Outcome(
                    each.number,
                    each.at,
                    each.kind,
                    each.message_id,
                    each.seq,
                    each.document,
                    entry.epoch if entry else None,
                )
            )

        def answer(uploaded: Any) -> None:
            assert not uploaded.set_aside
            box.told = max(box.told, uploaded.acknowledged)
            for message_id in uploaded.final:
                entry = box.journal.get(message_id)
                if entry is not None and not entry.in_air:
                    entry.state = "none"
            for one in told:
                entry = box.journal.get(one.message_id or 0)
                if (
                    one.document["state"] == "in_doubt"
                    and entry
                    and entry.in_doubt
                    and entry.state == "started"
                ):
                    entry.state = "out"

        return Request(
            "upload",
            lambda db: uploads.upload(db, asked, told, at=AT, calendar=CALENDAR, submit_timeout_s=TIMEOUT_S),
            answer,
        )

    def _claim(self, box: PlayedBox) -> Request:
        asked = box.box
        known = [
            each for each, one in box.journal.items() if one.in_air or one.state in ("claimed", "started")
        ]

        def answer(found: Any) -> None:
            for one in found:
                entry = box.journal.setdefault(
                    one.message_id, Entry(dict.fromkeys(range(1, one.row["parts"] + 1), NOT))
                )
                assert not entry.in_air
                assert entry.state not in ("claimed", "started")
                entry.state, entry.epoch = "claimed", asked.epoch
                entry.forget_doubts()

        return Request(
            "claim",
            lambda db: claims.claim(
                db,
                asked,
                [Want(box.sim, 2)],
                lanes=Lanes(lambda: 0.0),
                closed=frozenset(),
                at=AT,
                calendar=CALENDAR,
                known=known,
            ),
            answer,
        )

    def _start(self, box: PlayedBox, ids: list[int]) -> Request:
        asked = box.box

        def answer(started: Any) -> None:
            for message_id in ids:
                entry = box.journal[message_id]
                if message_id in started:
                    entry.state, entry.epoch = "started", asked.epoch
                    self._take_known(entry, started[message_id].parts)
                else:
                    self._drop(entry)

        return Request("start", lambda db: starts.start(db, asked, ids), answer)

    def _take_known(self, entry: Entry, parts: Any) -> None:
        for part in parts:
            if part.sent:
                entry.parts[part.seq] = SENT

    def _drop(self, entry: Entry) -> None:
        entry.state = "none" if entry.nothing else "out"

    def _list(self, box: PlayedBox) -> Request:
        name = box.name

        def answer(found: list[OwnRow]) -> None:
            here = {row.message_id: row for row in found}
            for row in found:
                next_one = self._reconciled(box, row)
                if next_one is not None:
                    box.request = next_one
                    return
            for message_id, entry in box.journal.items():
                if message_id not in here and not entry.in_air and entry.state in ("claimed", "started"):
                    self._drop(entry)

        return Request("list", lambda db: rows.own(db, name), answer)

    def _reconciled(  # noqa: PLR0911 - one for each line of the protocol's table
        self, box: PlayedBox, row: OwnRow
    ) -> Request | None:
        """The next request about a row that the box has, by its journal as it is now. None: nothing is to do."""
        entry = box.journal.setdefault(
            row.message_id, Entry(dict.fromkeys(range(1, self.messages[row.message_id] + 1), NOT))
        )
        present = row.epoch == box.box.epoch
        if entry.in_air:
            return None
        if row.state == "claimed":
            if entry.state == "claimed" and entry.epoch == row.epoch and present:
                return None
            if entry.nothing and entry.state == "none" and row.message_id % 2:
                return self._release(box, row, entry)
            return self._stamp(box, row, entry)
        foreign = row.incarnation != box.box.incarnation
        if row.state == "started":
            if foreign:
                return Request(
                    "lose", lambda db: releases.lose(db, box.box, [row.listed], AT, CALENDAR), lambda _: None
                )
            if entry.in_doubt or entry.all_sent:
                if not box.untold:
                    entry.epoch = row.epoch  # its outcome is told under the epoch of the row
                    entry.state = "out"
                    self._tell_again(box, row.message_id, entry)
                return None
            if entry.state == "started" and entry.epoch == row.epoch and present:
                return None
            entry.state = "none"
            if entry.nothing and row.message_id % 3 == 0:
                return self._release(box, row, entry)
            return self._stamp(box, row, entry)
        if foreign or entry.in_doubt:
            entry.state = "out"
            return None
        if box.untold or entry.all_sent:
            entry.epoch = row.epoch
            self._tell_again(box, row.message_id, entry)
            return None
        return self._release(box, row, entry)

    def _tell_again(self, box: PlayedBox, message_id: int, entry: Entry) -> None:
        for seq, state in entry.parts.items():
            if state in (SENT, DOUBT):
                self._note(box, message_id, seq, "submitted" if state == SENT else "in_doubt")

    def _release(self, box: PlayedBox, row: OwnRow, entry: Entry) -> Request:
        entry.state = "none"  # dropped before the release is asked
        asked = box.box
        return Request(
            "release", lambda db: releases.release(db, asked, [row.listed], AT, CALENDAR), lambda _: None
        )

    def _stamp(self, box: PlayedBox, row: OwnRow, entry: Entry) -> Request:
        asked = box.box

        def answer(stamped: Any) -> None:
            one = stamped.get(row.message_id)
            if one is not None:
                entry.state, entry.epoch = one.state, asked.epoch
                if one.state == "claimed":  # a claim that was executed late: its answer was lost
                    entry.forget_doubts()
                self._take_known(entry, one.parts)

        return Request("stamp", lambda db: starts.stamp(db, asked, [row.listed]), answer)

    # --- PostgreSQL and the LAN

    def execute(self, name: str, chance: Random | None = None) -> None:
        request = self.boxes[name].request
        _now(request is not None and not request.done)
        assert request is not None
        self._execute(request)

    def _execute(self, request: Request) -> None:
        try:
            request.result = self.fleet.run(request.run)
        except EpochOldError:
            request.result = OLD
        request.done = True

    def answer(self, name: str, chance: Random | None = None) -> None:
        box = self.boxes[name]
        request = box.request
        _now(request is not None and request.done)
        assert request is not None
        box.request = None
        if request.result is OLD:
            if box.mode == "run":
                box.mode = "join"
            for entry in box.journal.values():
                if request.kind == "start" and entry.state == "claimed":
                    self._drop(entry)
        else:
            request.answer(request.result)

    def ask_and_answer(self, name: str, chance: Random | None = None) -> None:
        """The usual case, so that examples get somewhere."""
        box = self.boxes[name]
        _now(box.mode != "down")
        if box.request is None:
            options = list(self._options(box))
            box.request = options[-2] if len(options) > 1 else options[0]
        if not box.request.done:
            self._execute(box.request)
        self.answer(name)

    def lose(self, name: str, chance: Random | None = None) -> None:
        box = self.boxes[name]
        _now(box.request is not None)
        self._give_up(box)
        box.mode = "join"

    def _give_up(self, box: PlayedBox) -> None:
        request, box.request = box.request, None
        if request is not None and not request.done and request.kind != "list":
            box.late.append(request)

    def execute_late(self, name: str, chance: Random | None = None) -> None:
        box = self.boxes[name]
        _now(box.late)
        request = box.late.pop(0)
        note(f"late {request.kind} of {name}")
        self._execute(request)

    # --- leases and rescues

    def beat(self, name: str, chance: Random | None = None) -> None:
        lost = chance is not None and chance.random() < 0.2
        box = self.boxes[name]
        _now(box.mode == "run")
        look = self.fleet.run(lambda db: boxes.look(db, box.box, beat=True))
        if look is None:
            box.mode = "join"
            box.lease = False
        elif not lost:
            self.beats[name] += 1
            box.lease, box.lease_since = True, self.beats[name]

    def lease_ends(self, name: str, chance: Random | None = None) -> None:
        _now(self.boxes[name].lease)
        self.boxes[name].lease = False

    def watch(self, name: str, chance: Random | None = None) -> None:
        [row] = self.fleet.execute("SELECT epoch, beat FROM boxes WHERE name = ?", (name,))
        self.seen[name] = (row[0], row[1])
        self.watched_at[name] = self.beats[name]

    def rescue(self, name: str, chance: Random | None = None) -> None:
        box = self.boxes[name]
        _now(name in self.seen)
        # Its leases of before the watch are over by now.
        _now(not box.lease or box.lease_since > self.watched_at[name])
        epoch, beat = self.seen.pop(name)
        done = self.fleet.run(lambda db: boxes.rescue(db, name, epoch, beat))
        assert not (done and box.lease), "a box that lives was declared dead"
        if done:
            self.dead[name] = (epoch + 1, beat)
            self.fleet.run(lambda db: boxes.settle_rescued(db, AT, CALENDAR))

    def each_minute(self, name: str = "", chance: Random | None = None) -> None:
        self.fleet.run(lambda db: boxes.settle_rescued(db, AT, CALENDAR))

    def doubt(self, name: str, chance: Random | None = None) -> None:
        box = self.boxes[name]
        _now(name in self.dead)
        _now(box.port is None or box.port[2] == "prompt")  # the second wait is longer than a submission
        epoch, beat = self.dead.pop(name)
        self.fleet.run(lambda db: boxes.doubt_rescued(db, name, epoch, beat, AT, CALENDAR))

    def decide(self, name: str = "", chance: Random | None = None) -> None:
        found = self.fleet.run(doubts.open_doubts)
        decided = self.fleet.run(
            lambda db: doubts.decide(db, found, "retry", max_attempts=100, at=AT, calendar=CALENDAR)
        )
        self.retries.update(decided.retried)
        for message_id in decided.retried:
            note(f"retried {message_id}")

    # --- ports

    def prompt(self, name: str, chance: Random | None = None) -> None:
        box = self.boxes[name]
        _now(box.mode != "down" and box.port is None and box.lease)
        for message_id, entry in box.journal.items():
            left = [seq for seq, state in sorted(entry.parts.items()) if state == NOT]
            if entry.state == "started" and entry.epoch == box.box.epoch and left and not entry.in_doubt:
                entry.parts[left[0]] = AIR
                box.port = (message_id, left[0], "prompt")
                return
        _now(False)

    def check(self, name: str, chance: Random | None = None) -> None:
        box = self.boxes[name]
        _now(box.port is not None and box.port[2] == "prompt" and box.mode != "down")
        assert box.port is not None
        message_id, seq, _ = box.port
        entry = box.journal[message_id]
        if box.lease and entry.state == "started" and entry.epoch == box.box.epoch:
            box.port = (message_id, seq, "checked")
        else:
            entry.parts[seq] = NOT
            box.port = None

    def submit(self, name: str, chance: Random | None = None) -> None:
        how = chance.choice(_ENDS) if chance else "taken"
        box = self.boxes[name]
        _now(box.port is not None and box.port[2] == "checked" and box.mode != "down")
        assert box.port is not None
        message_id, seq, _ = box.port
        box.port = (message_id, seq, "silent" if how.startswith("silent") else how)
        if how in ("taken", "silent"):
            self._hand_over(box, message_id, seq)

    def _hand_over(self, box: PlayedBox, message_id: int, seq: int) -> None:
        note(f"{box.name} hands over part {seq} of {message_id}")
        self.handed[message_id, seq] += 1
        self.by[box.name, message_id, seq] += 1
        assert self.handed[message_id, seq] <= 1 + self.retries[message_id], "P2"
        row = self.fleet.row(message_id)
        assert row is not None, f"P4/P6: it is {self.fleet.state(message_id)}"
        entry = box.journal[message_id]
        assert (row["state"], row["box"], row["epoch"]) == ("started", box.name, entry.epoch), "P6"

    def end_of_submission(self, name: str, chance: Random | None = None) -> None:
        box = self.boxes[name]
        _now(box.port is not None and box.port[2] in ("taken", "refused", "silent") and box.mode != "down")
        assert box.port is not None
        message_id, seq, stage = box.port
        entry = box.journal[message_id]
        entry.parts[seq] = {"taken": SENT, "refused": NOT, "silent": DOUBT}[stage]
        self._note(
            box, message_id, seq, {"taken": "submitted", "refused": "queued", "silent": "in_doubt"}[stage]
        )
        if stage == "refused" and entry.nothing:
            entry.state = "none"
        box.port = None

    def _note(self, box: PlayedBox, message_id: int, seq: int, state: str) -> None:
        box.number += 1
        box.tokens += 1
        document = {"state": state, "sim_id": box.sim, "token": box.tokens, "attempts": 1, "reference": None}
        box.outcomes.append(
            Outcome(
                box.number,
                NOW,
                "part",
                message_id,
                seq,
                {**document, "started_at": NOW, "ended_at": NOW + box.number},
            )
        )

    def report(self, name: str, chance: Random) -> None:
        """A report of a part through the other box: its card moved."""
        handed = [key for key in sorted(self.by) if key not in self.reported]
        _now(handed)
        key = chance.choice(handed)
        self.reported.add(key)
        by, message_id, seq = key
        other = self.boxes["b" if by == "a" else "a"]
        other.number += 1
        document = {"state": "delivered", "sim_id": SIM[by], "token": 0, "attempts": 0}
        other.outcomes.append(Outcome(other.number, NOW, "part", message_id, seq, document))

    # --- crashes

    def crash(self, name: str, chance: Random | None = None) -> None:
        box = self.boxes[name]
        _now(box.mode != "down")
        self._give_up(box)
        box.mode, box.lease = "down", False
        box.port = None

    def come_back(self, name: str, chance: Random) -> None:
        box = self.boxes[name]
        _now(box.mode == "down")
        if chance.random() < 0.2:
            box.journal.clear()
            box.outcomes.clear()
            box.incarnations += 1
            box.told = box.number = 0
        for message_id, entry in box.journal.items():
            for seq, state in entry.parts.items():
                if state == AIR:
                    entry.parts[seq] = DOUBT
                    self._note(box, message_id, seq, "in_doubt")
        box.mode = "join"

    # --- properties

    def each_message_is_where_it_belongs(self) -> None:
        """A pending message has a row of the queue, and a final one has none; what is sent was handed over by one SIM."""
        found = self.fleet.db.execute(
            "SELECT m.id, m.status, m.parts, CASE WHEN q.message_id IS NULL THEN 0 ELSE 1 END AS queued"
            " FROM messages m LEFT JOIN queue q ON q.message_id = m.id"
        ).fetchall()
        for message_id, status, parts, queued in found:
            assert (status == "pending") == bool(queued)
            if status in ("sent", "delivered"):
                assert any(
                    all(self.by[name, message_id, seq] for seq in range(1, parts + 1)) for name in NAMES
                ), "P3"

    def finish(self) -> None:
        """Let everything come to its end without further faults, and look whether a message was lost (P1)."""
        for box in self.boxes.values():
            if box.mode == "down":
                box.mode = "join"
                for message_id, entry in box.journal.items():
                    for seq, state in entry.parts.items():
                        if state == AIR:
                            entry.parts[seq] = DOUBT
                            self._note(box, message_id, seq, "in_doubt")
            for late in box.late:
                self._execute(late)
            box.late.clear()
        before: object = None
        while (now := self._situation()) != before:
            before = now
            for _ in range(2):
                for box in self.boxes.values():
                    self._one_round(box)
                self.decide()
        for message_id in self.messages:
            state = self.fleet.state(message_id)
            if state == "in_doubt":
                assert self._nobody_can_know(message_id), (
                    f"P1: {message_id} stays in doubt: {self.fleet.row(message_id)}"
                )
            else:
                assert state in ("sent", "delivered", "failed", "cancelled"), f"P1: {message_id} is {state}"
        self._check_counts()

    def _situation(self) -> object:
        """Everything that may still change."""
        found = self.fleet.db.execute(
            "SELECT m.id, m.status, q.state, q.box, q.epoch, q.retried FROM messages m"
            " LEFT JOIN queue q ON q.message_id = m.id ORDER BY m.id"
        ).fetchall()
        journals = [
            (message_id, entry.state, entry.epoch, tuple(entry.parts.values()))
            for box in self.boxes.values()
            for message_id, entry in sorted(box.journal.items())
        ]
        return [tuple(row) for row in found], journals, [len(box.untold) for box in self.boxes.values()]

    def _one_round(self, box: PlayedBox) -> None:
        if box.request is not None:
            if not box.request.done:
                self._execute(box.request)
            self.answer(box.name)
        for kind in ("join", "upload", "list", "list", "list", "list", "upload", "claim", "start"):
            options = {each.kind: each for each in self._options(box)}
            while box.request is not None or kind in options:
                box.request = box.request or options[kind]
                options = {}
                self._execute(box.request)
                self.answer(box.name)
        if box.mode == "run":
            self.beat(box.name)
        for _ in range(6):
            if box.port is None and box.lease and self._can_send(box):
                self.prompt(box.name)
            if box.port is not None and box.port[2] == "prompt":
                self.check(box.name)
            if box.port is not None and box.port[2] == "checked":
                self.submit(box.name)
            if box.port is not None:
                self.end_of_submission(box.name)

    def _can_send(self, box: PlayedBox) -> bool:
        return any(
            entry.state == "started"
            and entry.epoch == box.box.epoch
            and not entry.in_doubt
            and NOT in entry.parts.values()
            for entry in box.journal.values()
        )

    def _nobody_can_know(self, message_id: int) -> bool:
        row = self.fleet.row(message_id)
        assert row is not None
        box = self.boxes[row["box"]]
        entry = box.journal.get(message_id)
        return row["incarnation"] != box.box.incarnation or (entry is not None and entry.in_doubt)

    def _check_counts(self) -> None:
        """Reservations of SIMs and companies are those of the messages that did not end without being sent."""
        found = self.fleet.execute(
            "SELECT count(*) FROM messages WHERE NOT (status IN ('failed', 'cancelled') AND unsent = parts)"
        )
        taken = sum(self.fleet.usage(sim_id)[0] for sim_id in SIM.values())
        used = self.fleet.one("SELECT coalesce(sum(used), 0) FROM company_usage")
        sent = sum(self.fleet.usage(sim_id)[2] for sim_id in SIM.values())
        assert (taken, used) == (found[0][0], found[0][0])
        assert sent == self.fleet.one("SELECT count(*) FROM messages WHERE status IN ('sent', 'delivered')")
        gaps = self.fleet.one(
            "SELECT count(*) FROM messages m WHERE events <> (SELECT count(*) FROM events e WHERE e.message_id = m.id)"
        )
        assert gaps == 0


_ENDS = ("taken", "taken", "taken", "refused", "silent", "silent, not taken")
_CHANCES = {
    "accept": 6, "cancel": 0.3, "ask": 6, "execute": 8, "answer": 8, "ask_and_answer": 14, "lose": 1.5, "execute_late": 2,
    "beat": 5, "lease_ends": 0.7, "watch": 2, "rescue": 2, "each_minute": 0.5, "doubt": 3, "decide": 1, "prompt": 20, "check": 20,
    "submit": 20, "end_of_submission": 14, "report": 0.7, "crash": 0.7, "come_back": 4,
}  # fmt: skip
_ACTIONS, _WEIGHTS = list(_CHANCES), list(_CHANCES.values())


@pytest.mark.parametrize("examples", [6, pytest.param(EXAMPLES, marks=pytest.mark.bench, id="many")])
def test_the_protocol_keeps_its_promises(fleet_database: Database, examples: int) -> None:
    with fleet_in(fleet_database) as fleet:

        @settings(
            max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES
        )
        @given(choices=st.lists(st.integers(0, 2**31), min_size=40, max_size=120))
        def play(choices: list[int]) -> None:
            protocol = Protocol(fleet)
            for choice in choices:
                protocol.play(choice)
            protocol.finish()

        play()
