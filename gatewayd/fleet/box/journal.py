"""The changes of the journal that an agent makes, each in one transaction of the store of this box."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gatewayd.fleet.queue.names import KnownPart, ListedRow
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import outcomes, shared_messages
from gatewayd.store.tables.outcomes import Outcome
from gatewayd.store.tables.shared_messages import Asked, Entry, Incarnation, Load, NewPart


@dataclass(slots=True)
class Taken:
    """Messages that this box has now, with their rows by column name: claimed, and of those the started ones."""

    sims: dict[int, int] = field(default_factory=dict)
    rows: dict[int, Mapping[str, Any]] = field(default_factory=dict)  # of those that need a new row here
    started: Mapping[int, Sequence[KnownPart]] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)  # claimed before, and not this box's any more


@dataclass(frozen=True, slots=True)
class Work:
    """The messages of the journal that are to be sent."""

    loads: Mapping[int, Load]
    startable: Sequence[tuple[int, int, int]]  # message, SIM, priority


class Journal:
    """The journal of this box. The thread of the agent uses it. All methods raise StoreUnavailableError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def incarnation(self) -> Incarnation:
        """The incarnation of the file; a file without one gets one."""

        def look(db: Transaction) -> Incarnation:
            found = shared_messages.incarnation(db)
            if found is None:
                shared_messages.begin_incarnation(db, secrets.token_hex(8))
                found = shared_messages.incarnation(db)
            if found is None:
                raise LookupError
            return found

        return self._store.write(look)

    def begin_incarnation(self, epoch: int) -> None:
        """This file is older than what the fleet knows of it, which has given this box `epoch`."""

        def begin(db: Transaction) -> None:
            shared_messages.begin_incarnation(db, secrets.token_hex(8))
            shared_messages.note_epoch(db, epoch)

        self._store.write(begin)

    def ask_for_epoch(self, above: int, server: str) -> Asked:
        """The epoch to ask this server for now, above `above` and each that was asked for before; the answer may be lost."""
        return self._store.write(lambda db: shared_messages.ask_for_epoch(db, above, server))

    def keep_epochs(self, server: str, epochs: Mapping[str, int]) -> None:
        """Keep the epochs of the other boxes, as this server showed them: a PostgreSQL that shows lower ones was restored."""
        self._store.write(lambda db: shared_messages.keep_epochs(db, server, epochs))

    def note_epoch(self, epoch: int) -> None:
        """This box has a new epoch: it never takes a lower one again, whatever PostgreSQL has forgotten."""
        self._store.write(lambda db: shared_messages.note_epoch(db, epoch))

    def last_number(self) -> int:
        """The highest number that an outcome ever had."""
        with self._store.readers.lend() as db:
            return outcomes.last_number(db)

    def highest_id(self) -> int:
        """The highest id of a message that this box had."""
        with self._store.readers.lend() as db:
            return shared_messages.highest_id(db)

    def journal(self) -> int:
        """The state of the journal, which each adoption and start raises."""
        with self._store.readers.lend() as db:
            found = shared_messages.incarnation(db)
        return 0 if found is None else found.journal

    def untold(self, acknowledged: int, limit: int) -> list[Outcome]:
        """The first outcomes behind those that were acknowledged."""
        with self._store.readers.lend() as db:
            return outcomes.first_after(db, acknowledged, limit)

    def told(self, first: int, acknowledged: int, aside: Mapping[int, str], now: int) -> None:
        """The fleet has kept the outcomes from `first` up to `acknowledged`, but for those it set aside."""

        def note(db: Transaction) -> None:
            shared_messages.acknowledge(db, acknowledged)
            outcomes.told(db, first, acknowledged, now)
            for number, reason in aside.items():
                outcomes.set_aside(db, number, reason)

        self._store.write(note)

    def tell_from(self, acknowledged: int) -> None:
        """The fleet has kept less than it acknowledged: tell the rest again."""

        def again(db: Transaction) -> None:
            shared_messages.acknowledge(db, acknowledged)
            outcomes.tell_again(db, acknowledged)

        self._store.write(again)

    def forget(self, told_before: int) -> bool:
        """Forget some outcomes that were told before a moment. True: there may be more."""
        return self._store.write(lambda db: outcomes.forget(db, told_before))

    def work(self, epoch: int) -> Work:
        """The messages that this box has to send under an epoch."""
        with self._store.readers.lend() as db:
            return Work(shared_messages.loads(db), shared_messages.startable(db, epoch))

    def entries(self, message_ids: Iterable[int]) -> tuple[dict[int, Entry], set[int]]:
        """These messages and all that are claimed or started here; those of them with outcomes that were not told yet."""
        with self._store.readers.lend() as db:
            found = shared_messages.entries(db, message_ids) | shared_messages.at_work(db)
            return found, outcomes.untold_of(db, list(found))

    def has_to_tell(self, acknowledged: int) -> bool:
        """Whether there are outcomes with higher numbers, or a part is being submitted, which will bring one."""
        with self._store.readers.lend() as db:
            return shared_messages.has_to_tell(db, acknowledged)

    def without_row(self, message_ids: Collection[int]) -> set[int]:
        """Those of these messages that have no row here, or of which nothing more would be sent."""
        with self._store.readers.lend() as db:
            found = shared_messages.entries(db, message_ids)
        return {
            each
            for each in message_ids
            if each not in found or found[each].status != "pending" or found[each].state == "out"
        }

    def take(
        self,
        taken: Taken,
        epoch: int,
        already: Collection[int] = (),
        joined: Callable[[], None] | None = None,
    ) -> dict[int, int]:
        """Keep messages as claimed or started under an epoch; how many were started for each SIM.

        `already`: started ones that are left alone where the journal has them under this epoch, in any state.
        `joined`: see `Writer.run`.
        """

        def keep(db: Transaction) -> dict[int, int]:
            queued: dict[int, int] = {}
            known = {
                message_id
                for message_id in already
                if (found := shared_messages.find(db, message_id)) is not None and found[1] >= epoch
            }
            shared_messages.raise_journal(db)
            rows = [row for message_id, row in taken.rows.items() if message_id not in known]
            shared_messages.adopt(db, rows, taken.sims, epoch)
            for message_id, parts in taken.started.items():
                if message_id in known:
                    continue
                sim_id = taken.sims[message_id]
                left = shared_messages.start(db, message_id, sim_id, _new_parts(parts), epoch)
                if left:
                    queued[sim_id] = queued.get(sim_id, 0) + left
            for message_id in taken.sims.keys() - taken.started.keys() - taken.rows.keys():
                shared_messages.stamp(db, message_id, epoch)
            shared_messages.drop(db, taken.lost)
            return queued

        return self._store.write(keep, joined=joined)

    def drop(self, message_ids: Collection[int], *, begun: bool = True) -> set[int]:
        """Send nothing more of these messages; those of which a part is being submitted stay, and are not in the answer.

        `begun`: also those of which a part was handed over, or may have been.
        """

        def leave(db: Transaction) -> set[int]:
            found = shared_messages.entries(db, message_ids)
            left = {each for each in message_ids if each not in found or _may_go(found[each], begun=begun)}
            shared_messages.drop(db, left)
            return left

        return self._store.write(leave)

    def tell_again(self, rows: Iterable[ListedRow], now: int) -> None:
        """Note the outcomes of these messages once more, under the epoch by which the fleet holds them."""

        def again(db: Transaction) -> None:
            for row in rows:
                shared_messages.tell_again(db, row.message_id, row.epoch, now)

        self._store.write(again)


def _may_go(entry: Entry, *, begun: bool) -> bool:
    return not entry.submitting and (begun or entry.untouched)


def _new_parts(parts: Sequence[KnownPart]) -> dict[int, NewPart]:
    return {
        part.seq: NewPart(part.seq, part.sent, part.reference, part.sent_at, part.token, part.attempts)
        for part in parts
    }
