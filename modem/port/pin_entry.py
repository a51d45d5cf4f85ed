"""The configured PIN of a port: entered at most once for each SIM."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from modem.driver.sim import SimState
from modem.port.connection import Connection
from modem.port.interface import WorkUnavailableError

T = TypeVar("T")

log = logging.getLogger(__name__)

MIN_PIN_ATTEMPTS: Final = 2  # with one attempt left, a wrong PIN locks the SIM


class PinEntry:
    """Unlocks the SIM of one connection with the configured PIN."""

    def __init__(self, connection: Connection) -> None:
        self._settings = connection.settings
        self._reporter = connection.reporter
        self._modem = connection.modem

    def unlock(self, iccid: str) -> SimState:
        """Enter the PIN, once for this SIM at most, and never with fewer than `MIN_PIN_ATTEMPTS` left. Return the new state."""
        if self._settings.pin is None:
            return SimState.PIN_REQUIRED
        pin = self._settings.pin.get_secret_value()
        port = self._settings.port
        left = self._modem.sim.pin_attempts()
        if left is not None and left < MIN_PIN_ATTEMPTS:
            log.error("port %d: the PIN is not tried: %d attempts are left", port, left)
            return SimState.PIN_REFUSED
        if not self._insist(lambda: self._reporter.work.try_pin(iccid, port, pin, left)):
            return SimState.PIN_REFUSED
        accepted = self._modem.sim.enter_pin(pin)
        self._insist(lambda: self._reporter.work.pin_tried(iccid, port, pin, accepted=accepted))
        if accepted:
            self._modem.begin()  # some modems refuse every command but the PIN while the SIM is locked
            return SimState.READY
        log.error("port %d: the SIM refused the configured PIN; it is not tried again", port)
        return (
            SimState.PUK_REQUIRED
            if self._modem.sim.state() is SimState.PUK_REQUIRED
            else SimState.PIN_REFUSED
        )

    def _insist(self, call: Callable[[], T]) -> T:
        """Call the gateway until it can store: no PIN is tried, and no refusal forgotten, before that is durable."""
        while True:
            try:
                return call()
            except WorkUnavailableError as error:
                self._modem.channel.pause(self._reporter.unavailable(error))
