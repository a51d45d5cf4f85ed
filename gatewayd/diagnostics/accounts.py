"""Companies, keys and SIMs: whether anybody can send, and what contradicts itself."""

from __future__ import annotations

import os

from config.settings import Settings
from gatewayd.accounts.contradictions import of_all
from gatewayd.diagnostics.findings import Finding, ok, warning
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.integrity import look
from gatewayd.store.store_files import misowned
from gatewayd.timekeeping.clock import Calendar, Clock

_ABOUT = "accounts"


def check(settings: Settings) -> list[Finding]:
    """A warning for each. Nothing where the database cannot be read: that is said of the database."""
    store = settings.store.path
    try:
        if not os.access(store, os.R_OK) or misowned(store):
            return []
    except OSError:
        return []
    at = Clock().moment(Calendar(settings.numbers.zone))
    try:
        notes = look(store, lambda db: of_all(db, at))
    except StoreUnavailableError:
        return []
    return [warning(_ABOUT, note) for note in notes] or [
        ok(_ABOUT, "There is an active company with a key that lets it in.")
    ]
