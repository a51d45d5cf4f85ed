"""The plan of a box for each row that it has in the queue, by its journal."""

from __future__ import annotations

from typing import Any

import pytest

from gatewayd.fleet.box.comparison import Plan, compare
from gatewayd.fleet.queue.names import Box, OwnRow
from gatewayd.store.tables.shared_messages import Entry

BOX = Box("one", 1, 5, "file")


def row(state: str, epoch: int = 4, *, incarnation: str = "file", told: bool = False) -> OwnRow:
    """A row of message 1."""
    return OwnRow(1, 1, state, epoch, None if state == "claimed" else incarnation, told, 0)


def entry(state: str, epoch: int = 4, **parts: Any) -> Entry:
    """Message 1 of two parts in the journal."""
    counts = {"submitting": 0, "in_doubt": 0, "sent": 0, "failed": 0, "queued": 0, **parts}
    return Entry(1, state, epoch, counts.pop("status", "pending"), 1, 2, **counts)


def plan(
    found: OwnRow | None,
    journal: Entry | None,
    *,
    may_send: bool = True,
    untold: bool = False,
    recovering: bool = False,
) -> Plan:
    """The plan for a row and its entry."""
    return compare(
        BOX,
        [] if found is None else [found],
        {} if journal is None else {1: journal},
        {1} if untold else set(),
        lambda _: may_send,
        recovering=recovering,
    )


def steps(made: Plan) -> list[str]:
    """The names of what a plan does."""
    names = ("stamp", "release", "lost", "drop", "tell_again", "unknown", "undecided")
    return [name for name in names if getattr(made, name)]


@pytest.mark.parametrize(
    ("found", "journal", "step"),
    [
        (row("claimed", 5), entry("claimed", 5), []),
        (row("started", 5), entry("started", 5, queued=2), []),
        (row("claimed", 4), entry("claimed", 4), ["stamp"]),
        (row("claimed", 4), None, ["stamp"]),
        (row("claimed", 5), None, ["unknown"]),  # its acceptance or claim may be under way
        (row("claimed", 5), entry("claimed", 5, status="failed"), ["release"]),  # it expired here
        (row("started", 4), entry("started", 4, queued=2), ["stamp"]),
        (row("started", 4), entry("started", 4, sent=1, queued=1), ["stamp"]),  # partly sent
        (row("started", 4), None, ["stamp"]),
        (row("started", 5), None, ["unknown"]),
        (row("started", 5), entry("started", 5, sent=1), []),
        (row("started", 5), entry("started", 5, sent=2), ["tell_again"]),
        (row("started", 5), entry("started", 5, in_doubt=1), ["tell_again"]),
        (row("started", 4), entry("out", 3, sent=2), ["tell_again"]),
        (row("started", 4), entry("out", 3, in_doubt=1), ["tell_again"]),
        (row("started", 4), entry("started", 4, submitting=1), ["undecided"]),
        (row("started", 5), entry("started", 5, submitting=1), []),
        (row("started", 4, incarnation="older"), None, ["lost"]),
        (row("started", 5, incarnation="older"), entry("started", 5), ["lost"]),
        (row("in_doubt", told=True), entry("out", in_doubt=1), []),
        (row("in_doubt", told=True), None, []),  # only a journal that is gone knew it
        (row("in_doubt"), None, ["release"]),  # a rescue put it in doubt, and it was never begun here
        (row("in_doubt"), entry("started", queued=2), ["release"]),
        (row("in_doubt"), entry("out", sent=2), ["tell_again"]),
        (row("in_doubt", told=True), entry("out", queued=2), ["release"]),  # it was not sent after all
        (row("in_doubt", incarnation="older"), None, []),
        (None, entry("claimed", 5), ["drop"]),
        (None, entry("started", 5, queued=2), ["drop"]),
        (None, entry("started", 5, submitting=1), []),
        (None, entry("out", 5, sent=2), []),
    ],
)
def test_each_pair_of_row_and_entry_has_its_step(
    found: OwnRow | None, journal: Entry | None, step: list[str]
) -> None:
    assert steps(plan(found, journal)) == step


@pytest.mark.parametrize("state", ["claimed", "started"])
def test_what_no_sim_of_the_box_can_send_is_released(state: str) -> None:
    assert steps(plan(row(state), None, may_send=False)) == ["release"]


def test_a_partly_sent_message_stays_also_where_its_sim_cannot_send() -> None:
    journal = entry("started", 4, sent=1, queued=1)
    assert steps(plan(row("started"), journal, may_send=False)) == ["stamp"]


def test_a_row_waits_while_outcomes_of_its_message_are_not_told() -> None:
    assert steps(plan(row("started"), entry("started", 4), untold=True)) == ["undecided"]


@pytest.mark.parametrize(
    ("found", "journal", "step"),
    [
        (row("claimed"), None, []),  # released since, perhaps, and sent by another box, which tells it later
        (row("started"), None, []),
        (row("started"), entry("out", 3, queued=2), []),
        (row("started"), entry("started", queued=2), ["stamp"]),
        (row("started"), entry("out", 3, sent=2), ["tell_again"]),
        (None, entry("started", queued=2), ["drop"]),
    ],
)
def test_what_a_restored_postgresql_lists_and_the_journal_does_not_have_is_left_alone(
    found: OwnRow | None, journal: Entry | None, step: list[str]
) -> None:
    assert steps(plan(found, journal, recovering=True)) == step
