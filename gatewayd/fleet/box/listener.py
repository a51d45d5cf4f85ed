"""Wakes this box when another one tells that something concerns it: a connection of its own that only listens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from gatewayd.fleet.box.link import Link
from gatewayd.store.engine.errors import StoreUnavailableError

log = logging.getLogger(__name__)

# A wait for notices is cut so often, so that a stop and a broken connection are seen.
_WAIT_S: Final = 1.0
_AGAIN_S: Final = 1.0


class Listener:
    """Listens on the channel of one box, on a thread of its own, from `start` to `stop`."""

    def __init__(self, link: Link, channel: str, told: Callable[[], None]) -> None:
        """`told` is called on the thread for each notice, and after each new connection: something may have been missed."""
        self._link = link
        self._channel = channel
        self._told = told
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet-listener", daemon=True)

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
                self._link.listen(self._channel)
                self._told()
                while not self._stopping.is_set():
                    if self._link.wait_for_notices(_WAIT_S):
                        self._told()
            except StoreUnavailableError as error:
                log.debug("nothing is heard from PostgreSQL: %s", error)
            except Exception:
                log.exception("the listener of the fleet failed; it begins anew")
            self._link.close()
            self._stopping.wait(_AGAIN_S)
        self._link.close()
