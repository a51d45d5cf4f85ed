"""The radio of a modem: whether its card is registered."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from modem.simulator.core.network import Mobile, Network
from modem.simulator.core.sim import Sim
from modem.simulator.core.timers import Timer, Timers

NOT_SEARCHING, HOME, SEARCHING, DENIED, UNKNOWN, ROAMING = range(6)  # 27.007, 7.2
CARRIES_SMS = frozenset({HOME, ROAMING, 6, 7})


class Cure(IntEnum):
    """The action after which a radio that stopped searching searches again; harsher actions work, too."""

    OPERATOR = 1  # +COPS=0
    RADIO = 2  # +CFUN=4 and 1
    RESTART = 3


class Radio:
    """Registers a ready card, and detaches it when it may not stay."""

    def __init__(
        self, network: Network, timers: Timers, registration_s: float, changed: Callable[[], None]
    ) -> None:
        self.stat = NOT_SEARCHING
        self.network = HOME  # the network's answer to a registration
        self.wanted = True  # False after +COPS=2
        self.mode = 0  # of +COPS (27.007, 7.3); modems keep it without power
        self.rssi = 21  # -71 dBm (27.007, 8.5)
        self._network = network
        self._timers = timers
        self._registration_s = registration_s
        self._changed = changed
        self._sim: Sim | None = None
        self._mobile: Mobile | None = None
        self._search: Timer | None = None
        self._cure: Cure | None = None  # the action that ends a stopped search; None while the radio searches

    @property
    def registered(self) -> bool:
        """Whether short messages can pass."""
        return self.stat in CARRIES_SMS

    def switch(self, sim: Sim | None, mobile: Mobile, *, at_once: bool = False) -> None:
        """Register this card, or none. Registration takes `registration_s`, or no time with `at_once`."""
        if sim is not None and not self.wanted:
            sim = None
        if sim is self._sim and not at_once:
            return
        self._leave()
        self._sim, self._mobile = sim, mobile
        if sim is None:
            self._become(NOT_SEARCHING)
        elif at_once:
            self._join()
        else:
            self._become(SEARCHING)
            self._search = self._timers.later(self._registration_s, self._join)

    def cover(self, stat: int) -> None:
        """Change the network's answer; a registered modem learns of it at once."""
        self.network = stat
        if self._sim is not None and self._search is None:
            if self.stat in CARRIES_SMS and stat not in CARRIES_SMS:
                self._network.detach(self._sim)
            self._join()

    def stop_searching(self, cure: Cure) -> None:
        """Lose the network, and report `searching` until `cure`."""
        self._cure = cure
        if self._sim is not None:
            self._network.detach(self._sim)
            self._become(SEARCHING)

    def cure(self, cure: Cure) -> None:
        """Search for the network again, if this action cures the radio."""
        if self._cure is None or cure < self._cure:
            return
        self._cure = None
        if self._sim is not None and self._search is None:
            self._search = self._timers.later(self._registration_s, self._join)

    def _join(self) -> None:
        self._search = None
        if self._cure is not None:
            self._become(SEARCHING)
            return
        self._become(self.network)
        if self._sim is not None and self._mobile is not None and self.registered:
            self._network.attach(self._sim, self._mobile)

    def _leave(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None
        if self._sim is not None:
            self._network.detach(self._sim)
            self._sim = None

    def _become(self, stat: int) -> None:
        if stat != self.stat:
            self.stat = stat
            self._changed()
