"""Storage mode: parts are written to the modem's memory and sent from there; after a crash the memory shows their outcome.

Each claim in this mode has a row of its own. While the row has no place, nothing was sent, and a crash loses nothing.
From then on the modem's memory tells whether the part was sent. "Unsent" is believed only of a model that is known to mark
the parts it sent, and only after the time limit of the submission.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from config.language.text import Text
from config.settings import DispatchSettings
from gatewayd.messages import lifecycle
from gatewayd.messages.effects import Effects, PartKey
from gatewayd.sending.part_content import content_of
from gatewayd.store import Transaction
from gatewayd.store.tables import messages, modem_memory, parts
from gatewayd.store.tables.modem_memory import StoredPart
from gatewayd.timekeeping.clock import SECOND, Clock, Moment
from modem.parts import Place, StoredState, Submission, Via
from modem.port.interface import Kept, Storage
from modem.port.status import PortStatus

log = logging.getLogger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class ModemMemory:
    """The gateway's records of parts in modems. Methods with a connection run within a transaction.

    `vias`: the way of sending of the ports that have their own.
    """

    def __init__(self, settings: DispatchSettings, clock: Clock, vias: Mapping[int, Via]) -> None:
        self._limit_s = settings.submit_timeout_s
        self._usual_via = Via(settings.submit_via)
        self._clock = clock
        self._vias = vias
        self._began = clock.monotonic()
        self._boot = _boot_id()

    def via(self, db: Transaction, status: PortStatus) -> tuple[Via, bool]:
        """How a port must send a part, and whether its model is known to mark the parts it sent."""
        if self._wanted(status) is Via.DIRECT:
            return Via.DIRECT, False
        lesson = _lesson(db, status)
        if lesson in (Storage.NO_MARKS, Storage.CANNOT):
            return Via.DIRECT, False
        return Via.STORAGE, lesson is Storage.MARKS

    def why_direct(self, db: Transaction, status: PortStatus) -> str:
        """Why a port sends directly although storage mode is configured; "" where it follows the configuration."""
        if self._wanted(status) is Via.DIRECT:
            return ""
        match _lesson(db, status):
            case Storage.NO_MARKS:
                return Text("Parts are sent directly: this model does not mark sent parts in its memory.")
            case Storage.CANNOT:
                return Text("Parts are sent directly: this model cannot send from its memory.")
            case _:
                return ""

    def placed(
        self, db: Transaction, status: PortStatus, submission: Submission, place: Place | None
    ) -> None:
        """See `Work.stored`."""
        claim = (submission.message_id, submission.seq, submission.token)
        if place is None:
            modem_memory.dropped(db, *claim)
            return
        now = self._clock.monotonic()
        modem_memory.placed(db, *claim, modem_of(status), place.memory, place.index, now, self._boot)

    def learned(self, db: Transaction, status: PortStatus, storage: Storage, at: Moment) -> None:
        """See `Work.learned`."""
        modem_memory.learn(db, _model(status), storage.value, at.now)

    def in_memory(self, db: Transaction, status: PortStatus) -> tuple[Kept, ...]:
        """See `Work.in_memory`."""
        return tuple(
            self._kept(db, row) for row in modem_memory.of_modem(db, modem_of(status), status.active.iccid)
        )

    def found(
        self,
        db: Transaction,
        status: PortStatus,
        kept: Kept,
        stored_state: StoredState,
        at: Moment,
        effects: Effects,
    ) -> None:
        """See `Work.found`."""
        submission = kept.submission
        key = PartKey(submission.message_id, submission.seq, submission.token)
        if stored_state is StoredState.SENT:
            if parts.settle_doubt(db, *key.claim, "submitted"):
                log.info("part %d of message %d was sent, by the modem's memory", key.seq, key.message_id)
                messages.waits_because(db, key.message_id, None)
                lifecycle.part_taken(db, key.message_id, at, effects)
        elif stored_state is StoredState.UNSENT and _lesson(db, status) is Storage.MARKS:
            if modem_memory.never_sent(db, *key.claim):
                log.info("part %d of message %d was not sent, by the modem's memory", key.seq, key.message_id)
                messages.waits_because(db, key.message_id, None)
                effects.queued[messages.by_id(db, key.message_id).sim_id] = 1
        else:
            log.info(
                "part %d of message %d stays in doubt: the modem's memory does not show whether it was sent",
                key.seq,
                key.message_id,
            )

    def emptied(self, db: Transaction, kept: Kept) -> None:
        """See `Work.emptied`."""
        submission = kept.submission
        modem_memory.dropped(db, submission.message_id, submission.seq, submission.token)

    def busy_s(self, db: Transaction, port: int, now: int) -> float:
        """See `Work.busy_s`. A jump of the clock can lengthen the result, but not beyond the limit of a submission."""
        began = modem_memory.last_in_doubt(db, port)
        if began is None:
            return 0.0
        limit = int(self._limit_s * SECOND)
        return max(0, limit - max(0, now - began)) / SECOND

    def told_late(
        self, db: Transaction, sim_id: int, reference: int | None, at: Moment, effects: Effects
    ) -> PartKey | None:
        """See `Work.told_late`. The part that is settled; None where more than one part could be meant."""
        found = modem_memory.in_doubt_since(db, sim_id, at.now - int(2 * self._limit_s * SECOND))
        if len(found) != 1:
            return None
        key = PartKey(*found[0])
        if parts.settle_doubt(db, *key.claim, "submitted", reference):
            messages.waits_because(db, key.message_id, None)
            lifecycle.part_taken(db, key.message_id, at, effects)
        return key

    def _wanted(self, status: PortStatus) -> Via:
        return self._vias.get(status.port, self._usual_via)

    def _kept(self, db: Transaction, row: StoredPart) -> Kept:
        piece = content_of(db, row.message_id, row.text, row.seq, row.sim_id)
        submission = Submission(
            message_id=row.message_id,
            seq=row.seq,
            total=piece.total,
            token=row.token,
            recipient=row.recipient,
            segment=piece.segment,
            reference=row.message_id % 256,
            alone=piece.alone,
        )
        if row.place is None or row.memory is None:
            return Kept(submission, None, settled=True, unsure_s=0.0)
        place = Place(row.memory, row.place)
        return Kept(submission, place, settled=bool(row.settled), unsure_s=self._unsure_s(row))

    def _unsure_s(self, row: StoredPart) -> float:
        """Seconds for which an old submission may still be running. The monotonic clock starts at the boot of the machine."""
        began = row.said_at if row.said_at is not None and row.boot == self._boot else self._began
        return max(0.0, began + self._limit_s - self._clock.monotonic())


def modem_of(status: PortStatus) -> str:
    """The identity of a modem: its IMEI, else its port."""
    return status.imei or f"port {status.port}"


def _model(status: PortStatus) -> str:
    return status.model or modem_of(status)


def _lesson(db: Transaction, status: PortStatus) -> Storage | None:
    """The record about storage mode on this model of modem; None: there is none."""
    found = modem_memory.lesson(db, _model(status))
    return None if found is None else Storage(found)


def _boot_id() -> str:
    """The kernel's id of this boot; "" where it cannot be read: such a boot is taken for another one."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
