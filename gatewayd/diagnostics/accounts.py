"""Check companies, keys and SIMs: at least one company can send, and no settings contradict each other."""

from __future__ import annotations

import os

from config.language.text import Text
from config.settings import Settings
from gatewayd.accounts.contradictions import of_all
from gatewayd.diagnostics.findings import Finding, ok, warning
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.inspection import look
from gatewayd.store.store_files import misowned
from gatewayd.timekeeping.clock import Calendar, Clock

_ABOUT = Text("accounts")


def check(settings: Settings) -> list[Finding]:
    """Return a warning for each contradiction; nothing if the database cannot be read, which `database` reports."""
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
        ok(_ABOUT, Text("There is an active company with an active key."))
    ]
