"""Passes each unsolicited result code (URC) to the part of the session that it concerns."""

from __future__ import annotations

import logging
from typing import Final

from modem.at.responses import RINGS, Urc
from modem.driver.registration import REGISTRATION_TAGS, reports_registration
from modem.port.connection import Connection
from modem.port.health import Health
from modem.port.inbound import Inbound
from modem.port.incoming_calls import IncomingCalls
from modem.port.modem_settings import ModemSettings
from modem.port.sim_check import SimCheck

log = logging.getLogger(__name__)

_SIM_TAGS: Final = frozenset({"+CPIN", "+QUSIM", "^SIMST", "#QSS", "+UUSIMSTAT", "^SCKS"})


class Unsolicited:
    """Sorts the URCs of one connection."""

    def __init__(
        self,
        connection: Connection,
        modem_settings: ModemSettings,
        inbound: Inbound,
        health: Health,
        sim_check: SimCheck,
        calls: IncomingCalls,
    ) -> None:
        self._connection = connection
        self._modem_settings = modem_settings
        self._inbound = inbound
        self._health = health
        self._sim_check = sim_check
        self._calls = calls

    def sort(self) -> None:
        """Pass on all URCs that came."""
        urcs = self._connection.channel.urcs
        while urcs:
            self._pass_on(urcs.popleft())

    def sort_until_registered(self) -> None:
        """Pass on the URCs that came before one that reports a registration. The others stay."""
        urcs = self._connection.channel.urcs
        while urcs and not reports_registration(urcs[0]):
            self._pass_on(urcs.popleft())

    def _pass_on(self, urc: Urc) -> None:
        self._modem_settings.hear(urc)
        if self._inbound.take(urc):
            return
        if urc.tag in REGISTRATION_TAGS:
            self._health.want_registration()
        elif urc.tag in _SIM_TAGS:
            self._sim_check.want()
        elif urc.tag in RINGS:
            self._calls.ring()
        else:
            log.debug("port %d: %s", self._connection.port, urc.tag)
