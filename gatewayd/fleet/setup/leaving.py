"""`gatewayd fleet leave`: a box tells all that it knows, gives back what it had claimed, and is alone again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from config.language.text import Text
from config.settings import Settings
from gatewayd.fleet.postgres.connection import Connection
from gatewayd.fleet.queue import boxes, uploads
from gatewayd.fleet.queue.names import EpochOldError, Joined, Outcome, SetAside
from gatewayd.fleet.setup import members
from gatewayd.fleet.setup.errors import SetupError
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import membership, outcomes, shared_messages, taking_along
from gatewayd.timekeeping.clock import Calendar, Moment
from gatewayd.version import VERSION

_AT_A_TIME: Final = 500


@dataclass(frozen=True, slots=True)
class Left:
    """The rest that a leave left in the fleet: messages that this box had started and not finished, which come in doubt."""

    started: int


class Leave:
    """One leave of one box. The store is open, and no daemon has it."""

    def __init__(self, db: Connection, store: Store, settings: Settings, at: Moment) -> None:
        self._db = db
        self._store = store
        self._settings = settings
        self._at = at
        self._calendar = Calendar(settings.numbers.zone)

    def run(self, *, force: bool) -> Left:
        """Leave. Raises SetupError; after any error the command may be repeated.

        `force`: also while messages are unfinished that this box started; nobody knows whether they were sent.
        """
        with self._store.readers.lend() as local:
            name, incarnation = membership.joined_as(local), shared_messages.incarnation(local)
        if name is None:
            raise SetupError(Text("this box belongs to no fleet"))
        row = self._db.execute("SELECT state FROM boxes WHERE name = ?", (name,)).fetchone()
        started = 0
        if row is not None and row[0] == "member":
            if incarnation is None:
                raise SetupError(
                    Text(
                        "a backup was put in place of this store: start the daemon once, so that it tells what it knows"
                    )
                )
            self._tell(name, incarnation)
            started, doubts = members.started(self._db, name)
            if (started or doubts) and not force:
                raise SetupError(
                    Text(
                        "{started} messages that this box started are unfinished, and {doubts} of its are in doubt: start the"
                        " daemon until `gatewayd fleet status` shows none. With --force they are in doubt, and the fleet decides"
                        " about them",
                        started=started,
                        doubts=doubts,
                    )
                )
            with self._db.transaction():
                members.leave(self._db, name, self._at, self._calendar)
        self._take_along()
        return Left(started)

    def _take_along(self) -> None:
        """Keep what the fleet knows of the companies, and be alone, in one transaction."""
        used = [tuple(row) for row in self._db.execute("SELECT company_id, month, used FROM company_usage")]
        names = ", ".join(taking_along.OPT_OUT_COLUMNS)
        opt_outs = [
            {name: row[name] for name in taking_along.OPT_OUT_COLUMNS}
            for row in self._db.execute(f"SELECT {names} FROM opt_outs ORDER BY id")  # noqa: S608 - our own names
        ]

        def be_alone(local: Transaction) -> None:
            taking_along.keep_usage(local, used)
            taking_along.keep_opt_outs(local, opt_outs)
            taking_along.begin_webhooks(local)
            membership.note_left(local)

        self._store.write(be_alone)

    def _tell(self, name: str, incarnation: shared_messages.Incarnation) -> None:
        """Tell the fleet every outcome, under a new epoch."""
        timeout_s = float(self._settings.dispatch.submit_timeout_s)
        try:
            joined = self._join(name, incarnation, timeout_s)
        except (EpochOldError, LookupError):  # a rescue or an exclusion came between
            raise SetupError(
                Text("another box changed the state of this one just now: repeat the command")
            ) from None
        if joined.behind:
            raise SetupError(
                Text(
                    "PostgreSQL was restored: start the daemon of this box, so that it tells everything again, then leave"
                )
            )
        acknowledged = joined.acknowledged
        while some := self._some(acknowledged):
            with self._db.transaction():
                answer = uploads.upload(
                    self._db,
                    joined.box,
                    some,
                    at=self._at,
                    calendar=self._calendar,
                    submit_timeout_s=timeout_s,
                )
            acknowledged = max(answer.acknowledged, some[-1].number)
            self._note_told(some, acknowledged, answer.set_aside)

    def _join(self, name: str, incarnation: shared_messages.Incarnation, timeout_s: float) -> Joined:
        """Take a new epoch. Raises EpochOldError and LookupError, as `boxes.join`."""
        with self._db.transaction():
            epochs = boxes.epochs(self._db, name)
        asked = self._store.write(
            lambda local: shared_messages.ask_for_epoch(local, epochs.present, epochs.server)
        )
        with self._db.transaction():
            return boxes.join(
                self._db,
                name,
                incarnation.token,
                present=epochs.present,
                epoch=asked.epoch,
                version=VERSION,
                submit_timeout_s=timeout_s,
                acknowledged=incarnation.acknowledged,
                journal=incarnation.journal,
                had_id=0,
                last_epoch=incarnation.epoch,
            )

    def _some(self, acknowledged: int) -> list[Outcome]:
        with self._store.readers.lend() as local:
            return [
                Outcome(each.number, each.at, each.kind, each.message_id, each.seq, each.document, each.epoch)
                for each in outcomes.first_after(local, acknowledged, _AT_A_TIME)
            ]

    def _note_told(self, some: list[Outcome], acknowledged: int, aside: list[SetAside]) -> None:
        def note(local: Transaction) -> None:
            outcomes.told(local, some[0].number, some[-1].number, self._at.now)
            for each in aside:
                outcomes.set_aside(local, each.number, each.reason)
            shared_messages.acknowledge(local, acknowledged)

        self._store.write(note)
