"""Records in the store which SIM is in which slot, and gives the store's id of each SIM."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from gatewayd.sims.numbering import Numbering
from gatewayd.store import Transaction
from gatewayd.store.tables import sims
from modem.port.status import PortStatus

log = logging.getLogger(__name__)

_Facts = tuple[str, str, str, int]  # IMSI, number, operator, slot


class SimRegistry:
    """The SIMs of each port. Only the port's own thread may call a method with that port's status.

    The dictionaries of all ports are replaced as a whole where a port comes or goes.

    `write` and `read` run a function in a transaction; `write` also gives it the time in microseconds.
    """

    def __init__(
        self,
        numbering: Numbering,
        write: Callable[[Callable[[Transaction, int], int]], int],
        read: Callable[[Callable[[Transaction], int | None]], int | None],
    ) -> None:
        self._numbering = numbering
        self._write = write
        self._read = read
        self._ids: dict[int, dict[str, int]] = {}  # port → ICCID → id, of the SIMs in its slots
        self._written: dict[int, dict[str, _Facts]] = {}  # port → ICCID → what the store has

    def add_port(self, port: int) -> None:
        """Expect a port, before it starts."""
        self._ids = {**self._ids, port: {}}
        self._written = {**self._written, port: {}}

    def remove_port(self, port: int) -> None:
        """Forget a port, once it has ended."""
        self._ids = {number: ids for number, ids in self._ids.items() if number != port}
        self._written = {number: facts for number, facts in self._written.items() if number != port}

    def ids(self, port: int) -> dict[str, int]:
        """The ids of the SIMs in a port, by ICCID."""
        return self._ids[port]

    def register(self, status: PortStatus) -> None:
        """Record SIMs that are new, moved to another slot, or reported new facts."""
        ids, written = self._ids[status.port], self._written[status.port]
        for slot in status.slots:
            number = self._numbering.of_card(slot.number)
            operator = self._numbering.home_operator(slot.imsi) or slot.operator
            facts = (slot.imsi, number, operator, slot.slot)
            if slot.iccid and written.get(slot.iccid) != facts:
                sim_id = self._write(partial(_seen, slot.iccid, status.port, facts))
                if slot.iccid not in ids:
                    log.info("port %d slot %d: SIM %d is here", status.port, slot.slot, sim_id)
                ids[slot.iccid] = sim_id
                written[slot.iccid] = facts
        present = {slot.iccid for slot in status.slots}
        for gone in set(written) - present:
            del written[gone], ids[gone]

    def active_id(self, status: PortStatus) -> int:
        """The id of the SIM that was active in this status. Raises as `write` and `read`."""
        ids, iccid = self._ids[status.port], status.active.iccid
        if iccid in ids:
            return ids[iccid]
        sim_id = self._read(lambda db: sims.id_of(db, iccid))
        if sim_id is not None:
            return sim_id  # the SIM was taken out since
        self.register(status)  # the store could not record it when it was first reported
        return ids[iccid]


def _seen(iccid: str, port: int, facts: _Facts, db: Transaction, now: int) -> int:
    imsi, number, operator, slot = facts
    return sims.seen(db, iccid, imsi, number, operator, port, slot, now)
