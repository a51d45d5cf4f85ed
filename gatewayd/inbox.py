"""Inbound texts: kept whole, long ones once all their parts have come."""

from __future__ import annotations

import hashlib

from gatewayd.clock import microseconds
from gatewayd.store import inbound
from gatewayd.store.database import Connection
from modem.segment import join
from modem.tpdu import Deliver
from modem.work import Unreadable


def keep(db: Connection, sim_id: int, text: Deliver | Unreadable, now: int) -> None:
    """Keep what came in on a SIM. What was kept before, because a crash came before its deletion, is kept once."""
    if not inbound.first_time(db, _digest(sim_id, text), now):
        return
    if isinstance(text, Unreadable):
        inbound.keep_unreadable(db, sim_id, text.pdu, text.reason, now)
        return
    sent_at = None if text.sent_at is None else microseconds(text.sent_at)
    concat = text.concat
    if concat is None:
        inbound.keep_text(db, sim_id, text.sender, text.text, sent_at=sent_at, now=now, incomplete=False)
        return
    series = (sim_id, text.sender, concat.width, concat.reference, concat.total)
    octets = text.text.encode("utf-16-be", "surrogatepass")
    inbound.keep_part(db, series, concat.seq, octets, sent_at, now)
    have = inbound.parts_of(db, series)
    if len(have) < concat.total:
        return
    whole = join(part["text"].decode("utf-16-be", "surrogatepass") for part in have)
    inbound.keep_text(db, sim_id, text.sender, whole, sent_at=have[0]["sent_at"], now=now, incomplete=False)
    inbound.drop_parts(db, series)


def _digest(sim_id: int, text: Deliver | Unreadable) -> bytes:
    return hashlib.sha256(repr((sim_id, text)).encode("utf-8", "surrogatepass")).digest()
