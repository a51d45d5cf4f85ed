"""Keeps each inbound text once, and joins the parts of long texts.

The parts of a long text have the same SIM, sender, reference and total. But references repeat (an 8-bit reference after
256 texts, and some senders always use the same one), so the parts of one text must also have time stamps of the service
centre within `_SPREAD`. Parts that do not fit together belong to different texts.

The same octets again are a repetition by the network or, after a crash, by the modem. They are a second text where both
lay in the modem's memory at the same time (`Deliver.copy`), and where the text has no date: then the same octets are a
new text once the modem deleted the first one (`deleted`).

A text with missing parts is kept after `inbox.assembly_timeout_s` as it is, and each hole is marked. A part that arrives
later fills its hole in the same text; there is never a second incomplete text.
"""

from __future__ import annotations

import hashlib

from gatewayd.store import Transaction
from gatewayd.store.tables import event_counts, events, inbound
from gatewayd.store.tables.inbound import Assembly, AssemblyPart, Nature, Series
from gatewayd.timekeeping.clock import DAY, SECOND, Calendar, Moment, microseconds
from modem.port.interface import Unreadable
from modem.sms.segmentation import join
from modem.sms.tpdu import Concat, Deliver

HOLE = "[…]"
"""Marks one or more missing parts in a row in an incomplete text."""

# The longest time between the parts of one text. A sender's gateway may retry a part for many minutes before the next one;
# the next long text of a person with the same reference comes hours later.
_SPREAD = 3600 * SECOND

# How long the parts of a kept text are remembered after the time-out: for late or repeated parts.
_REMEMBERED = 7 * DAY

# At most this many incomplete texts are kept in one transaction, so that it stays short.
_GIVEN_UP_AT_ONCE = 100


def keep(
    db: Transaction, sim_id: int, text: Deliver | Unreadable, now: int, calendar: Calendar
) -> int | None:
    """Keep a text that a SIM received, once. Messages that are not texts (`Deliver.signal`) are only counted.

    Returns the id of a text of one part that was kept; None where it was known, or is something else.

    `calendar`: the time zone of the box, for time stamps without one.
    """
    if isinstance(text, Deliver) and text.signal is not None:
        event_counts.discarded(db, sim_id, text.signal.value)
        return None
    if not inbound.first_time(db, _digest(sim_id, text), now):
        return None
    if isinstance(text, Unreadable):
        inbound.keep_unreadable(db, sim_id, text.pdu, text.reason, now)
        return None
    sent_at = _sent_at(text, calendar)
    if text.concat is None:
        inbox_id = inbound.keep_text(
            db,
            sim_id,
            text.sender,
            text.text,
            nature=_nature(text),
            sent_at=sent_at,
            now=now,
            incomplete=False,
        )
        events.write_of_text(db, inbox_id, now)
        return inbox_id
    _keep_part(db, sim_id, text, text.concat, sent_at, now)
    return None


def deleted(db: Transaction, sim_id: int, text: Deliver) -> None:
    """The modem deleted a text without a date: the same octets are another text from now on."""
    if not text.has_date:
        inbound.forget_seen(db, _digest(sim_id, text))


def give_up(db: Transaction, timeout_s: float, at: Moment) -> bool:
    """Keep texts whose missing parts did not arrive in time. Returns whether there may be more of them."""
    timeout = round(timeout_s * SECOND)
    overdue = inbound.overdue_assemblies(db, at.lately(timeout), _GIVEN_UP_AT_ONCE)
    for assembly in overdue:
        if _says_nothing_new(db, assembly):
            inbound.drop_assembly(db, assembly.id)
        else:
            _write(db, assembly, at.now)
    more = inbound.drop_assembled_but(db, at.lately(timeout + _REMEMBERED))
    return more or len(overdue) == _GIVEN_UP_AT_ONCE


def _keep_part(
    db: Transaction, sim_id: int, part: Deliver, concat: Concat, sent_at: int | None, now: int
) -> None:
    series = (sim_id, part.sender, concat.width, concat.reference, concat.total)
    text = part.text.encode("utf-16-be", "surrogatepass")
    when = now if sent_at is None else sent_at
    assembly = _fitting(db, series, concat.seq, text, when, only_lacking=part.copy > 0)
    if assembly is None:
        assembly = inbound.begin_assembly(db, series, _nature(part), when, now)
    elif any(have.seq == concat.seq for have in inbound.parts_of(db, assembly.id)):
        return  # the same part again: the sender or the network repeated it
    inbound.keep_part(db, assembly.id, concat.seq, text, sent_at, now)
    if assembly.inbox_id is not None or len(inbound.parts_of(db, assembly.id)) == concat.total:
        _write(db, assembly, now)


def _fitting(
    db: Transaction, series: Series, seq: int, text: bytes, when: int, *, only_lacking: bool
) -> Assembly | None:
    """The incomplete text to which a part belongs; None: there is none.

    Candidates lack this part, or (without `only_lacking`) have the same one. The nearest in time is chosen.
    """
    found: list[Assembly] = []
    for assembly in inbound.assemblies_of(db, series):
        if abs(assembly.sent_at - when) > _SPREAD:
            continue
        have = {part.seq: part.text for part in inbound.parts_of(db, assembly.id)}
        fits = seq not in have if only_lacking else have.get(seq, text) == text
        if len(have) < assembly.total and fits:
            found.append(assembly)
    return min(found, key=lambda assembly: abs(assembly.sent_at - when), default=None)


def _write(db: Transaction, assembly: Assembly, now: int) -> None:
    """Write the text of an assembly to the inbox, complete or with holes."""
    have = inbound.parts_of(db, assembly.id)
    sent_at = have[0].sent_at
    text = _text(have, assembly.total)
    incomplete = len(have) < assembly.total
    if assembly.inbox_id is not None:
        inbound.amend_text(db, assembly.inbox_id, text, sent_at=sent_at, incomplete=incomplete)
        events.write_of_text(db, assembly.inbox_id, now)
        return
    inbox_id = inbound.keep_text(
        db,
        assembly.sim_id,
        assembly.sender,
        text,
        nature=assembly.nature,
        sent_at=sent_at,
        now=now,
        incomplete=incomplete,
    )
    inbound.assembled(db, assembly.id, inbox_id)
    events.write_of_text(db, inbox_id, now)


def _text(have: list[AssemblyPart], total: int) -> str:
    by_seq = {part.seq: part.text.decode("utf-16-be", "surrogatepass") for part in have}
    pieces: list[str] = []
    for seq in range(1, total + 1):
        if seq in by_seq:
            pieces.append(by_seq[seq])
        elif seq == 1 or seq - 1 in by_seq:
            pieces.append(HOLE)
    return join(pieces)


def _says_nothing_new(db: Transaction, assembly: Assembly) -> bool:
    """Whether all parts of an incomplete text are in a kept text: the sender repeated them after that was complete."""
    have = {(part.seq, part.text) for part in inbound.parts_of(db, assembly.id)}
    return any(
        other.inbox_id is not None
        and abs(other.sent_at - assembly.sent_at) <= _SPREAD
        and have <= {(part.seq, part.text) for part in inbound.parts_of(db, other.id)}
        for other in inbound.assemblies_of(db, assembly.series)
    )


def _sent_at(text: Deliver, calendar: Calendar) -> int | None:
    if text.sent_at is not None:
        return microseconds(text.sent_at)
    return None if text.sent_clock is None else calendar.moment(text.sent_clock)


def _nature(text: Deliver) -> Nature:
    return Nature("data" if text.is_data else "text", text.encoding, text.port)


def _digest(sim_id: int, text: Deliver | Unreadable) -> bytes:
    """The hash of the received octets: texts with different stamps that are no dates are different texts."""
    content: object = text
    if isinstance(text, Deliver) and text.octets:
        content = (text.octets, text.copy) if text.copy else text.octets
    return hashlib.sha256(repr((sim_id, content)).encode("utf-8", "surrogatepass")).digest()
