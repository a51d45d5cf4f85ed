"""The text of a loop test: how it is written, and how it is recognised where it arrives."""

from __future__ import annotations

import re

from gatewayd.messages.effects import Effects
from gatewayd.store import Transaction
from gatewayd.store.tables import loop_tests
from modem.port.interface import Unreadable
from modem.sms.tpdu import Deliver

_TEXT = "gatewayd loop test {}"
# Searched anywhere in the text: some networks add words of their own.
_TOKEN = re.compile(r"gatewayd loop test ([0-9a-f]{16})", re.ASCII)


def text_of(token: str) -> str:
    """The text of the test with this token, 16 hexadecimal digits."""
    return _TEXT.format(token)


def take_text(db: Transaction, sim_id: int, text: Deliver | Unreadable, effects: Effects) -> bool:
    """Record the arrival of a test's text, within a transaction. False: it is another text, for the inbox."""
    found = _TOKEN.search(text.text) if isinstance(text, Deliver) and text.concat is None else None
    test = None if found is None else loop_tests.arrived(db, found[1], sim_id)
    if test is None:
        return False
    if test.sms_id is not None:
        effects.changed.append(test.sms_id)
    return True
