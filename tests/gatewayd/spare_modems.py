"""Simulated modems beside those of the shared gateway, whose cards are in no other bank."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modem.simulator.bank import Bank, BankConfig
from tests.conftest import eventually

# The modems of the bank to be used: the cards of the others are in the shared gateway too.
ONE, OTHER = 9, 10


@contextmanager
def spare_modems(folder: Path) -> Iterator[Bank]:
    """A quick bank whose modems `ONE` and `OTHER` have found their network."""
    config = BankConfig(folder, ports=OTHER, submit_s=0.05, delivery_s=0.05, registration_s=0.1, boot_s=0.1)
    with Bank(config) as bank:
        eventually(lambda: bank.call(lambda: all(bank.modem(n).radio.registered for n in (ONE, OTHER))))
        yield bank
