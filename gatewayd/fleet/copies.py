"""Copies in this box's store of what the fleet decides: companies, keys, SIMs and webhooks; and what this box knows of its SIMs.

Keys are checked on the copies, so they work while PostgreSQL is away. A change anywhere is copied within 2 s, and at once at
the box that made it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gatewayd.fleet.member import Member
from gatewayd.fleet.tables import copy_versions, number_of_box, renumbered_sims
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import copies, sims
from gatewayd.store.tables.copies import Rows, SimFacts
from gatewayd.timekeeping.clock import Moment, month_of

log = logging.getLogger(__name__)

_SIMS: Final = "sims"
_ORIGINS: Final = ("renumbered", "key_origins")


@dataclass(frozen=True, slots=True)
class _Read:
    """The rows that one transaction read of the fleet."""

    versions: Mapping[str, int]
    tables: Mapping[str, Rows]
    old_sims: Mapping[int, Mapping[int, int]] | None  # key → its old id of a SIM → the present one


class Copies:
    """Copies in both directions. Any thread may call any method; one copies at a time."""

    def __init__(
        self,
        shared: AnyStore,
        local: AnyStore,
        member: Member,
        port_registry: PortRegistry,
        moment: Callable[[], Moment],
        changed: Callable[[set[str]], None],
    ) -> None:
        """`changed`: called after copies of these tables changed."""
        self._shared = shared
        self._local = local
        self._member = member
        self._port_registry = port_registry
        self._moment = moment
        self._changed = changed
        self._lock = threading.Lock()
        self._versions: dict[str, int] = {}
        self._old_sims: Mapping[int, Mapping[int, int]] = {}
        self._told: dict[int, SimFacts] = {}
        self._numbers_from: int | None = None

    def refresh(self, versions: Mapping[str, int] | None = None) -> None:
        """Copy the tables that changed since the last time; `versions` None: look which. Raises StoreUnavailableError."""
        with self._lock:
            if versions is not None and all(
                self._versions.get(name) == each for name, each in versions.items()
            ):
                return
            self._copy()

    def _copy(self) -> None:
        before = dict(self._versions)
        read = self._shared.write(lambda db: _read(db, before))
        here = {sim_id for sim_id, place in self._port_registry.sims().items() if place.there}
        name = self._member.name

        def write(db: Transaction) -> set[str]:
            changed = {
                table
                for table, rows in read.tables.items()
                if table in copies.WHOLE and copies.replace(db, table, rows)
            }
            if _SIMS in read.tables:
                suspected = copies.suspicions(db)
                if copies.replace_sims(db, read.tables[_SIMS], name, here):
                    changed.add(_SIMS)
                self._clear_suspicions(db, read.tables[_SIMS], suspected)
            return changed

        changed = self._local.write(write) if read.tables else set[str]()
        self._versions = dict(read.versions)
        if read.old_sims is not None:
            self._old_sims = read.old_sims
        if changed:
            self._changed(changed)

    def _clear_suspicions(self, db: Transaction, rows: Rows, suspected: Mapping[int, int | None]) -> None:
        """A person at another box said that SIMs of this box are not blocked: those that this box told are cleared."""
        for sim in rows:
            sim_id = sim["id"]
            told = self._told.get(sim_id)
            was_told = told is not None and told.columns["suspected_at"] is not None
            if was_told and sim["suspected_at"] is None and suspected.get(sim_id) is not None:
                sims.set_suspected(db, sim_id, None)
                self._port_registry.clear(sim_id)

    def begin(self) -> None:
        """Copy before the ports start: a card that moved here gets the id that it has. Raises StoreUnavailableError."""
        name = self._member.name
        number = self._shared.write(lambda db: number_of_box(db, name))
        with self._lock:
            if number is not None:
                self._number_sims(number)
            self._copy()

    def own_sim(self, key_id: int, sim_id: int) -> int:
        """The id of the SIM that a key means: one that was made before its box joined names SIMs by its old ids."""
        return self._old_sims.get(key_id, {}).get(sim_id, sim_id)

    def tell(self) -> None:
        """Tell what this box knows of its SIMs, where it changed; take how their limits are used. Raises StoreUnavailableError."""
        with self._lock:
            box = self._member.box()
            if box is None or not self._versions:
                return  # the copies must say first which SIMs this box has
            self._number_sims(box.number)
            with self._local.readers.lend() as db:
                found = copies.facts(db)
            new = [each for each in found if self._told.get(each.sim_id) != each]
            if new:
                ids = self._shared.write(lambda db: _tell(db, new, box.name, self._moment().now))
                for each, sim_id in zip(new, ids, strict=True):
                    if sim_id == each.sim_id:
                        self._told[each.sim_id] = each
                    else:
                        log.warning(
                            "SIM %d of this box is known to the fleet as SIM %d: it was seen at two boxes at once;"
                            " a restart of this box gives it that id",
                            each.sim_id,
                            sim_id,
                        )
            self._take_usage([each.sim_id for each in found])

    def _number_sims(self, number: int) -> None:
        """Have the SIMs that this box sees for the first time get ids that no other box gives."""
        first = sims.first_id_of(number)
        if self._numbers_from != first:
            self._local.write(lambda db: sims.number_from(db, first))
            self._numbers_from = first

    def _take_usage(self, sim_ids: list[int]) -> None:
        from_day = f"{month_of(self._moment().today)}-00"
        usage = self._shared.write(lambda db: copies.usage(db, sim_ids, from_day))
        with self._local.readers.lend() as db:
            same = copies.usage(db, sim_ids, from_day) == usage
        if not same:
            self._local.write(lambda db: copies.replace_usage(db, usage, sim_ids, from_day))


def _read(db: Transaction, before: Mapping[str, int]) -> _Read:
    # The versions first: a change that comes after them is copied once more.
    versions = copy_versions(db)
    different = {name for name, version in versions.items() if before.get(name) != version}
    tables: dict[str, Rows] = {
        name: copies.rows(db, name) for name in (*copies.WHOLE, _SIMS) if name in different
    }
    old_sims = renumbered_sims(db) if different.intersection(_ORIGINS) else None
    return _Read(versions, tables, old_sims)


def _tell(db: Transaction, told: list[SimFacts], box: str, now: int) -> list[int]:
    ids: list[int] = []
    for each in told:
        before = sims.number_of(db, each.sim_id)
        sim_id = copies.tell_facts(db, each, box)
        if sim_id == each.sim_id:
            sims.note_change(db, sim_id, before, now)
        ids.append(sim_id)
    return ids
