"""A configured PIN is tried once on each SIM; a durable mark is written before the try.

Three wrong PINs lock a SIM, so a restart must never repeat a wrong one. Runs within a transaction.
"""

from __future__ import annotations

import hashlib

from gatewayd.store import Transaction
from gatewayd.store.tables import sims

_PIN_ATTEMPTS = 3  # that a SIM allows before it requires its PUK (31.101, 9.5)


def may_try(db: Transaction, iccid: str, port: int, pin: str, attempts_left: int | None, now: int) -> bool:
    """Whether this PIN may be tried now; the try is marked first. `iccid` "": the SIM is known by its port."""
    card, digest = _card(iccid, port), _pin_digest(iccid, port, pin)
    known = sims.pin_state(db, card, digest)
    if known is None:
        sims.set_pin_state(db, card, digest, "trying", now)
    # A try that a power cut interrupted did not reach the SIM if the SIM still has all its attempts.
    untried = known == "trying" and attempts_left is not None and attempts_left >= _PIN_ATTEMPTS
    return known in (None, "accepted") or untried


def record_result(db: Transaction, iccid: str, port: int, pin: str, now: int, *, accepted: bool) -> None:
    """Record whether the SIM accepted this PIN."""
    card, digest = _card(iccid, port), _pin_digest(iccid, port, pin)
    state = "accepted" if accepted else "refused"
    if sims.pin_state(db, card, digest) != state:
        sims.set_pin_state(db, card, digest, state, now)


def _card(iccid: str, port: int) -> str:
    return iccid or f"port {port}"


def _pin_digest(iccid: str, port: int, pin: str) -> bytes:
    return hashlib.sha256(f"{_card(iccid, port)}:{pin}".encode()).digest()
