"""Hears what other boxes tell by NOTIFY: a connection of its own that only listens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from gatewayd.store.engine.errors import StoreUnavailableError

log = logging.getLogger(__name__)

EVENTS: Final = "events"
"""The channel on which every transaction that writes events tells it."""

# A wait for notices is cut so often, so that a stop and a broken connection are seen.
_WAIT_S: Final = 1.0
_AGAIN_S: Final = 1.0


class ListeningConnection(Protocol):
    """A connection to PostgreSQL that can listen."""

    def listen(self, channel: str) -> None:
        """Be told of notices on a channel, until the connection ends."""

    def wait_for_notices(self, timeout_s: float) -> list[str]:
        """The channels of the notices that came; waits for one. Empty: none came in time."""

    def close(self) -> None:
        """Close it."""


class Listener:
    """Listens on one channel, on a thread of its own, from `start` to `stop`."""

    def __init__(
        self, connect: Callable[[], ListeningConnection], channel: str, told: Callable[[], None]
    ) -> None:
        """`told` is called on the thread for each notice, and after each new connection: something may have been missed."""
        self._connect = connect
        self._channel = channel
        self._told = told
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"fleet-{channel}", daemon=True)

    def start(self) -> None:
        """Start to listen."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except StoreUnavailableError as error:
                log.debug("nothing is heard on the channel %s: %s", self._channel, error)
            except Exception:
                log.exception("the listener on the channel %s failed; it begins anew", self._channel)
            self._stopping.wait(_AGAIN_S)

    def _listen(self) -> None:
        """Listen until the connection ends or this stops. Raises StoreUnavailableError."""
        connection = self._connect()
        try:
            connection.listen(self._channel)
            self._told()
            while not self._stopping.is_set():
                if connection.wait_for_notices(_WAIT_S):
                    self._told()
        finally:
            connection.close()
