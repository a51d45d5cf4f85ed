"""Hears that another box wrote events: a connection of its own that only listens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from gatewayd.store.engine.errors import StoreUnavailableError

log = logging.getLogger(__name__)

CHANNEL: Final = "events"

# A wait is cut so often, so that a stop is seen.
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


class EventListener:
    """Calls `told` after events of other boxes, on a thread of its own, from `start` to `stop`."""

    def __init__(self, connect: Callable[[], ListeningConnection], told: Callable[[], None]) -> None:
        self._connect = connect
        self._told = told
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet-events", daemon=True)

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
                connection = self._connect()
                try:
                    connection.listen(CHANNEL)
                    self._told()  # something may have been missed
                    while not self._stopping.is_set():
                        if connection.wait_for_notices(_WAIT_S):
                            self._told()
                finally:
                    connection.close()
            except StoreUnavailableError as error:
                log.debug("no events of other boxes are heard: %s", error)
            except Exception:
                log.exception("the listener for events failed; it begins anew")
            self._stopping.wait(_AGAIN_S)
