"""Compares the rows that this box has in the queue of the fleet with its journal, and says what is to be done about each.

The box uploaded what it had before the rows were listed. A row is acted on only after it was stamped with the present epoch;
it is dropped from the journal, durably, before its release is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gatewayd.fleet.queue.names import CLAIMED, IN_DOUBT, STARTED, Box, ListedRow, OwnRow
from gatewayd.store.tables.shared_messages import Entry


@dataclass(slots=True)
class Plan:
    """The steps after a comparison."""

    stamp: list[ListedRow] = field(default_factory=list)
    release: list[ListedRow] = field(default_factory=list)  # dropped from the journal before
    lost: list[ListedRow] = field(default_factory=list)  # started by an earlier incarnation
    drop: list[int] = field(default_factory=list)  # not this box's any more
    tell_again: list[ListedRow] = field(default_factory=list)  # outcomes that did not fit the row
    unknown: list[ListedRow] = field(default_factory=list)  # of this epoch, and not in the journal
    # Of an older epoch, and the outcome of a part is not told yet: nothing more of them is sent until they are stamped.
    undecided: list[ListedRow] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done now."""
        return not (self.stamp or self.release or self.lost or self.drop or self.tell_again or self.unknown)


def compare(
    box: Box,
    rows: Sequence[OwnRow],
    entries: Mapping[int, Entry],
    untold: Collection[int],
    may_send: Callable[[int], bool],
    *,
    recovering: bool = False,
) -> Plan:
    """The plan for these rows. `untold`: messages with outcomes that were not uploaded yet: their rows wait.

    `may_send`: whether a SIM of this box can send now. What it cannot send is released.
    `recovering`: PostgreSQL was restored. A row that the journal does not have may be of before a release: another box may have
    sent the message since, and tells it before the fleet goes on. It is left alone until then.
    """
    plan = Plan()
    for row in rows:
        entry = entries.get(row.message_id)
        if row.message_id in untold or (entry is not None and entry.submitting):
            if row.epoch != box.epoch:
                plan.undecided.append(row.listed)
            continue
        if recovering and row.state in (CLAIMED, STARTED) and (entry is None or _is_left(entry)):
            continue
        if row.state == CLAIMED:
            _claimed(plan, box, row, entry, may_send)
        elif row.state == STARTED:
            _started(plan, box, row, entry, may_send)
        elif row.state == IN_DOUBT:
            _in_doubt(plan, box, row, entry)
    listed = {row.message_id for row in rows}
    for message_id, entry in entries.items():
        if message_id not in listed and entry.state in (CLAIMED, STARTED) and not entry.submitting:
            plan.drop.append(message_id)
    return plan


def _claimed(plan: Plan, box: Box, row: OwnRow, entry: Entry | None, may_send: Callable[[int], bool]) -> None:
    if entry is not None and _agrees(box, row, entry, CLAIMED) and entry.status == "pending":
        return
    if row.epoch == box.epoch and entry is None:
        plan.unknown.append(row.listed)
    elif row.epoch != box.epoch and may_send(row.sim_id):
        plan.stamp.append(row.listed)
    else:
        plan.release.append(row.listed)


def _started(plan: Plan, box: Box, row: OwnRow, entry: Entry | None, may_send: Callable[[int], bool]) -> None:
    if row.incarnation != box.incarnation:
        plan.lost.append(row.listed)
    elif entry is None and row.epoch == box.epoch:
        plan.unknown.append(row.listed)
    elif entry is not None and _ended(entry):
        # Also where both agree: other boxes told that its parts were sent before this one would send them.
        plan.tell_again.append(row.listed)
    elif entry is not None and _agrees(box, row, entry, STARTED):
        return
    elif row.epoch == box.epoch:
        plan.unknown.append(row.listed)  # only a new epoch can tell what became of it
    elif (entry is None or entry.untouched) and not may_send(row.sim_id):
        plan.release.append(row.listed)
    else:
        plan.stamp.append(row.listed)


def _in_doubt(plan: Plan, box: Box, row: OwnRow, entry: Entry | None) -> None:
    if row.incarnation != box.incarnation or (entry is not None and entry.in_doubt):
        return  # the fleet, or a person, decides
    if entry is None:
        if not row.told:  # a rescue put it in doubt, and this box never began it
            plan.release.append(row.listed)
    elif _ended(entry):
        plan.tell_again.append(row.listed)
    else:
        plan.release.append(row.listed)


def _agrees(box: Box, row: OwnRow, entry: Entry, state: str) -> bool:
    return entry.state == state and entry.epoch == row.epoch == box.epoch


def _is_left(entry: Entry) -> bool:
    """Whether this box has let a message go that it had not ended."""
    return entry.state not in (CLAIMED, STARTED) and not _ended(entry)


def _ended(entry: Entry) -> bool:
    """Whether nothing more of a message is sent here, by its journal."""
    return bool(entry.in_doubt) or entry.status == "failed" or entry.sent == entry.parts
