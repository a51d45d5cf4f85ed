"""Takes new epochs of this box, and finds where its database, or PostgreSQL, is older than what the other one was told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import NoReturn

from config.language.text import Text
from gatewayd.fleet.box.epoch import Epoch, JoinAnewError
from gatewayd.fleet.box.journal import Journal
from gatewayd.fleet.box.known_fleet import KnownFleet
from gatewayd.fleet.box.lease import Lease
from gatewayd.fleet.box.link import Link
from gatewayd.fleet.box.permit import FleetPermit
from gatewayd.fleet.box.status import LastStatus
from gatewayd.fleet.postgres.migrations import check_version
from gatewayd.fleet.queue import boxes
from gatewayd.fleet.queue.names import Box, Epochs, FleetSeen, Joined
from gatewayd.store import Transaction
from gatewayd.store.tables.shared_messages import Asked, Incarnation
from gatewayd.version import VERSION

log = logging.getLogger(__name__)


class NoMemberError(Exception):
    """The fleet has no such member: it left, or was excluded; or this box may not act for the fleet."""


class Joining:
    """The joins of this box. The thread of the agent uses it."""

    def __init__(
        self,
        name: str,
        submit_timeout_s: float,
        link: Link,
        journal: Journal,
        lease: Lease,
        permit: FleetPermit,
        known: KnownFleet,
        status: LastStatus,
        *,
        refused: Callable[[Transaction], Text | None],
        joined: Callable[[Box], None],
    ) -> None:
        """`refused`: why this box may not act for the fleet, asked before each join. `joined`: called after each."""
        self._name = name
        self._submit_timeout_s = submit_timeout_s
        self._link = link
        self._journal = journal
        self._lease = lease
        self._permit = permit
        self._known = known
        self._status = status
        self._refused = refused
        self._joined = joined

    def join(self) -> Epoch:
        """Take a new epoch. Nothing is sent under it before rows and journal agree.

        Raises NoMemberError, StoreUnavailableError (also where the tables are those of another version), EpochOldError where a rescue
        came between, and JoinAnewError where the journal began anew.
        """
        check_version(self._link.open())
        self._permit.close()
        self._lease.lose()
        incarnation = self._journal.incarnation()
        epochs = self._epochs()
        if epochs.given > incarnation.known_epoch(epochs.server, taken_there=epochs.taken_there):
            self._begin_anew(epochs.given)
        asked = self._journal.ask_for_epoch(epochs.present, epochs.server)
        joined = self._ask(incarnation, epochs.present, asked)
        if joined.acknowledged > self._journal.last_number() or joined.journal > incarnation.journal:
            self._begin_anew(joined.box.epoch)
        if joined.acknowledged < incarnation.acknowledged:
            log.error(
                "fleet: PostgreSQL has forgotten what this box told it: it was restored, or is another server."
                " Nothing is claimed until every box has told it again"
            )
            self._journal.tell_from(joined.acknowledged)
        self._journal.note_epoch(joined.box.epoch)
        self._known.journal = joined.journal
        self._status.joined(joined.box, joined.acknowledged, behind=joined.behind)
        log.info("fleet: joined as %s, epoch %d", joined.box.name, joined.box.epoch)
        self._joined(joined.box)
        return Epoch(
            joined.box,
            joined.acknowledged,
            trusted=self._known.is_recent(monotonic()),
            forgot=joined.forgot,
            kept=(incarnation.server, incarnation.epochs),
        )

    def _begin_anew(self, epoch: int) -> NoReturn:
        log.error("fleet: the database of this box is older than what it told the fleet: it begins anew")
        self._journal.begin_incarnation(epoch)
        self._known.journal = 0
        raise JoinAnewError

    def _seen(self, incarnation: Incarnation) -> FleetSeen:
        """The other boxes as this one last saw them; after a start, as its file has them."""
        return (
            self._known.seen if self._known.seen.rows else FleetSeen(incarnation.server, incarnation.epochs)
        )

    def _epochs(self) -> Epochs:
        try:
            with self._link.transaction() as db:
                return boxes.epochs(db, self._name)
        except LookupError:
            raise _no_member(self._name) from None

    def _ask(self, incarnation: Incarnation, present: int, asked: Asked) -> Joined:
        try:
            with self._link.transaction() as db:
                if (refused := self._refused(db)) is not None:
                    raise NoMemberError(refused)
                return boxes.join(
                    db,
                    self._name,
                    incarnation.token,
                    present=present,
                    epoch=asked.epoch,
                    version=VERSION,
                    submit_timeout_s=self._submit_timeout_s,
                    acknowledged=incarnation.acknowledged,
                    journal=self._known.journal,
                    had_id=self._journal.highest_id(),
                    seen_id=self._known.last_message_id,
                    last_epoch=incarnation.epoch,
                    highest_epoch=asked.base,
                    seen=self._seen(incarnation),
                )
        except LookupError:
            raise _no_member(self._name) from None


def _no_member(name: str) -> NoMemberError:
    return NoMemberError(Text("no member of the fleet is called {name}", name=name))
