"""Ends incoming calls: while one rings, many modems refuse to send."""

from __future__ import annotations

import logging
from time import monotonic

from modem.port.connection import Connection

log = logging.getLogger(__name__)


class IncomingCalls:
    """Ends calls on one connection, at most once in `Timing.hang_up_s`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ringing = False
        self._hung_up_at = float("-inf")

    def ring(self) -> None:
        """Note that a call rings."""
        self._ringing = True

    def end(self) -> None:
        """End a call that rings."""
        if not self._ringing:
            return
        self._ringing = False  # the modem reports RING again if this does not end the call
        if monotonic() - self._hung_up_at < self._connection.timing.hang_up_s:
            return
        self._hung_up_at = monotonic()
        done = self._connection.modem.hang_up()
        log.info("port %d: an incoming call was %s", self._connection.port, "ended" if done else "not ended")
