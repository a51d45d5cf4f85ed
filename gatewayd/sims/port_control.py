"""The one interface through which the gateway controls a port."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from modem.at.transcript import Recording, Watcher
from modem.driver.ussd import UssdAnswer
from modem.port.status import Answer


class PortControl(Protocol):
    """A port as the gateway uses it. Any thread may call any method; none of them waits for the modem."""

    def wake(self) -> None:
        """Have the port look for work: there may be some."""

    def ask(self) -> Future[Answer]:
        """Ask the modem whether it answers `OK`."""

    def watch(self, watcher: Watcher) -> None:
        """Copy the conversation with the modem to a watcher from now on."""

    def leave(self, watcher: Watcher) -> None:
        """Stop copying the conversation to a watcher."""

    def recall(self) -> Future[Recording]:
        """The kept conversation with the modem. Cancelled where the port ends."""

    def ussd(self, code: str, replies: Sequence[str] = (), slot: int | None = None) -> Future[UssdAnswer]:
        """Send a USSD code, and replies to its menus, between two submissions."""
