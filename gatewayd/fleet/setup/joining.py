"""`gatewayd fleet join`: a box becomes one of a fleet. It may be repeated after an interruption at any point.

First everything is checked and nothing changed. Then one transaction of PostgreSQL takes what the box brings, and one of the
box's own store gives its rows the ids that they have in the fleet. Between the two the box is a member that has not begun:
only this command, repeated, goes on from there.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from config.language.text import Text
from config.settings import Settings
from gatewayd.fleet.postgres.connection import Connection
from gatewayd.fleet.postgres.migrations import check_version
from gatewayd.fleet.setup import agreement, matching, uploading
from gatewayd.fleet.setup.errors import SetupError
from gatewayd.fleet.setup.matching import Answers, Named, Question
from gatewayd.fleet.setup.sequences import raise_sequence
from gatewayd.fleet.setup.uploading import NewIds, Upload
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import joining_rows, membership, shared_messages, sims
from gatewayd.store.tables.joining_rows import Rows
from gatewayd.store.tables.renumbering import Kind, renumber
from gatewayd.timekeeping.clock import Calendar, month_of
from gatewayd.version import VERSION

_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")
_TOKEN_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class BoxRow:
    """A box of this name, as the fleet knows it."""

    state: str
    store: str
    incarnation: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a join. `already`: nothing but to become a member again, because the ids are those of the fleet."""

    already: bool
    again: bool  # the box left this fleet before
    questions: list[Question]  # about the companies that the fleet does not know to be its own
    own: list[Named]
    fleet: list[Named]
    deliveries: int  # of webhooks, which are not made any more


@dataclass(frozen=True, slots=True)
class Joined:
    """The result of a join. `changed`: the ids of this box that are others in the fleet, by kind."""

    already: bool
    ids: NewIds
    changed: NewIds


@dataclass(frozen=True, slots=True)
class _Member:
    """The row of this box in the fleet."""

    incarnation: str
    number: int
    epoch: int


class Join:
    """One join of one box. The store is open, and no daemon has it."""

    def __init__(self, db: Connection, store: Store, settings: Settings, name: str, now: int) -> None:
        self._db = db
        self._store = store
        self._settings = settings
        self._name = name
        self._now = now

    def plan(self) -> Plan:
        """Check everything, and tell which companies are to be matched. Raises SetupError; nothing is changed."""
        if _NAME.fullmatch(self._name) is None:
            raise SetupError(
                Text("--name {name}: a box has 1 to 32 of a-z, 0-9 and - as its name", name=self._name)
            )
        db = self._db
        check_version(db)
        if different := agreement.differences(agreement.of_fleet(db), agreement.of_settings(self._settings)):
            raise SetupError(
                Text(
                    "this box and the fleet must agree: {differences}. Change the configuration of this box",
                    differences="; ".join(different),
                )
            )
        box = _box(db, self._name)
        with self._store.readers.lend() as local:
            joined_as, store_id = membership.joined_as(local), membership.store_id(local)
            unfinished, highest = membership.unfinished(local), membership.highest_message(local)
            own = [Named(row["id"], row["name"]) for row in joining_rows.all_of(local, "companies")]
        self._check_name(box, joined_as, store_id)
        fleet = uploading.companies(db)
        if joined_as is not None:
            return Plan(True, False, [], own, fleet, 0)
        if db.execute("SELECT 1 FROM fleet WHERE recovering = 1").fetchone() is not None:
            raise SetupError(
                Text(
                    "the fleet is recovering: join it when `gatewayd fleet status` says that it is not any more"
                )
            )
        if unfinished.any_message:
            raise SetupError(
                Text(
                    "{count} messages of this box are unfinished, {scheduled} of them scheduled: start the daemon, let it send"
                    " them or cancel them (`gatewayd message list --status pending`), then join",
                    count=unfinished.messages + unfinished.scheduled,
                    scheduled=unfinished.scheduled,
                )
            )
        self._check_messages(highest)
        again = box is not None and box.state != "member"
        known = {} if again else uploading.known_ids(db, self._name)[Kind.COMPANY]
        asked = matching.questions(
            [each for each in own if each.id not in known],
            [each for each in fleet if each.id not in known.values()],
        )
        return Plan(False, again, asked, own, fleet, unfinished.deliveries)

    def run(self, answers: Answers) -> Joined:
        """Join. Raises SetupError; after any error the command may be repeated."""
        plan = self.plan()
        if plan.already:
            with self._db.transaction():
                self._db.execute(
                    "UPDATE boxes SET state = 'member', version = ?, submit_timeout_s = ? WHERE name = ?",
                    (VERSION, float(self._settings.dispatch.submit_timeout_s), self._name),
                )
            return Joined(True, {}, {})
        matching.check(answers, plan.own, plan.fleet)
        everything = {**matching.proposed(plan.questions), **answers}
        rows = self._rows()
        with self._store.readers.lend() as local:
            store_id = membership.store_id(local)
            highest = membership.highest_message(local)
        with self._db.transaction():
            # Nobody else joins, and no company, key or card becomes known meanwhile.
            self._db.execute("SELECT id FROM fleet FOR UPDATE").fetchone()
            self._db.run_script("LOCK TABLE companies, api_keys, sims, webhooks IN SHARE ROW EXCLUSIVE MODE")
            box = _box(self._db, self._name)
            again = box is not None and box.state != "member"
            if box is not None and again:
                self._db.execute("DELETE FROM renumbered WHERE box = ? AND kind <> 'sim'", (self._name,))
            known: NewIds = (
                {kind: {} for kind in Kind} if again else uploading.known_ids(self._db, self._name)
            )
            ids = Upload(self._db, self._name, rows, known, again=again).run(everything)
            if box is None or again:
                self._note_member(store_id)
            of_box = "SELECT incarnation, number, epoch FROM boxes WHERE name = ?"
            [own] = self._db.execute(of_box, (self._name,)).fetchall()
            member = _Member(*own)
        raise_sequence(self._db, "message_ids", highest)
        self._store.write(lambda local: _adopt(local, self._name, member, ids))
        changed = {
            kind: {old: new for old, new in of_kind.items() if old != new} for kind, of_kind in ids.items()
        }
        return Joined(False, ids, changed)

    def _check_name(self, box: BoxRow | None, joined_as: str | None, store_id: str) -> None:
        if joined_as is not None and (joined_as != self._name or box is None):
            raise SetupError(
                Text(
                    "this box is {name} of a fleet already: `gatewayd fleet leave` takes it out of that",
                    name=joined_as,
                )
            )
        if box is not None and box.store != store_id:
            raise SetupError(
                Text(
                    "another box of the fleet is {name}: choose another --name (`gatewayd fleet status` shows all)",
                    name=self._name,
                )
            )

    def _check_messages(self, highest: int) -> None:
        """A box that left gave ids of messages by itself: none of them may be that of a message that it could be given."""
        waiting = [
            row[0]
            for row in self._db.execute("SELECT message_id FROM queue WHERE message_id <= ?", (highest,))
        ]
        if not waiting:
            return
        with self._store.readers.lend() as local:
            here = membership.message_names(local, waiting)
        there = dict(
            self._db.execute(
                "SELECT id, sms_id FROM messages WHERE id IN (SELECT value FROM json_each(?))",
                (f"{sorted(here)}",),
            ).fetchall()
        )
        clashing = sum(here[number] != sms_id for number, sms_id in there.items())
        if clashing:
            raise SetupError(
                Text(
                    "{count} messages wait in the fleet under ids that this box gave to others while it was alone: join when"
                    " they are finished",
                    count=clashing,
                )
            )

    def _rows(self) -> Mapping[str, Rows]:
        calendar = Calendar(self._settings.numbers.zone)
        self._store.write(lambda local: joining_rows.count_all(local, lambda at: month_of(calendar.day(at))))
        with self._store.readers.lend() as local:
            return {table: joining_rows.all_of(local, table) for table in joining_rows.TABLES}

    def _note_member(self, store_id: str) -> None:
        """Write the row of this box, with a new incarnation."""
        submit_timeout_s = float(self._settings.dispatch.submit_timeout_s)
        token = secrets.token_hex(_TOKEN_BYTES)
        self._db.execute(
            "INSERT INTO boxes (name, number, state, store, incarnation, submit_timeout_s, version, joined_at, seen_at)"
            " SELECT ?, coalesce(max(number), 0) + 1, 'member', ?, ?, ?, ?, ?, ? FROM boxes WHERE true"
            " ON CONFLICT (name) DO UPDATE SET state = 'member', incarnation = excluded.incarnation, acknowledged = 0,"
            " journal = 0, caught_up = 1, submit_timeout_s = excluded.submit_timeout_s, version = excluded.version,"
            " joined_at = excluded.joined_at, seen_at = excluded.seen_at, epoch = boxes.epoch + 1",
            (self._name, store_id, token, submit_timeout_s, VERSION, self._now, self._now),
        )


def _adopt(local: Transaction, name: str, member: _Member, ids: NewIds) -> None:
    """Give the rows of this store the ids of the fleet, and new cards ids that no other box gives, once."""
    if membership.joined_as(local) is not None:
        return
    renumber(local, ids)
    sims.number_from(local, sims.first_id_of(member.number))
    shared_messages.begin_incarnation(local, member.incarnation)
    shared_messages.note_epoch(local, member.epoch)
    membership.note_joined(local, name)


def _box(db: Transaction, name: str) -> BoxRow | None:
    row = db.execute("SELECT state, store, incarnation FROM boxes WHERE name = ?", (name,)).fetchone()
    return None if row is None else BoxRow(*row)
