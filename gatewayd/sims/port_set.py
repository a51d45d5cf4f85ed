"""The running ports: the one owner of the set, which ports join and leave while the gateway runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from functools import partial
from time import monotonic
from typing import Final, Literal, Protocol

from config.language.text import Text
from config.settings import PortSettings
from gatewayd.errors import ConflictError
from modem.port.interface import Work
from modem.port.port import Port

_LOOK_S: Final = 1.0  # between looks at a port that ends with a part in the air


class PortWork(Work, Protocol):
    """The gateway above the ports, which is told of ports that come and go."""

    def add_port(self, port: int) -> None:
        """Expect calls of a port, which is started after this."""

    def remove_port(self, port: int) -> None:
        """Forget a port, which has ended: its SIMs are in no port, and its queue is for the others."""


class PortSet(Mapping[int, Port]):
    """The ports by number. Any thread may read; `changing` is held while a thread changes the set.

    The mapping inside is replaced as a whole, never changed, so that a reader needs no lock.
    """

    def __init__(
        self,
        work: PortWork,
        make: Callable[[PortSettings, bool], Port],
        later: Callable[[float, Callable[[], None]], None],
        submit_via: Literal["direct", "storage"],
    ) -> None:
        """`make`: makes a port, which may begin paused, without starting it. `later`: runs a function after some seconds.

        `submit_via`: the way of sending of ports that have none of their own.
        """
        self.changing = threading.Lock()
        self._work = work
        self._make = make
        self._later = later
        self._submit_via = submit_via
        self._ports: Mapping[int, Port] = {}
        self._stopped = False
        self._leaving: Mapping[int, Port] = {}  # removed ports whose threads have not ended

    def __getitem__(self, number: int) -> Port:
        return self._ports[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._ports)

    def __len__(self) -> int:
        return len(self._ports)

    def items(self) -> ItemsView[int, Port]:
        """The ports of one moment: a port that leaves meanwhile is still among them."""
        return self._ports.items()

    def values(self) -> ValuesView[Port]:
        """The ports of one moment, as `items`."""
        return self._ports.values()

    def is_leaving(self, number: int) -> bool:
        """Whether a removed port with this number has not ended yet."""
        return number in self._leaving

    def make(self, settings: PortSettings, *, paused: bool) -> None:
        """Add a port without starting it: for the start of the gateway."""
        self._ports = {**self._ports, settings.port: self._make(self._complete(settings), paused)}

    def start(self) -> None:
        """Start all ports: for the start of the gateway, once it knows their numbers."""
        for port in self._ports.values():
            port.start()

    def add(self, settings: PortSettings) -> None:
        """Add a port and start it. The caller holds `changing`, and no port has this number.

        While the gateway stops, nothing is started. Raises ConflictError where the box has no more threads or descriptors.
        """
        if self._stopped:
            return
        self._work.add_port(settings.port)
        port = self._make(self._complete(settings), False)
        try:
            port.start()
        except (RuntimeError, OSError) as error:
            self._work.remove_port(settings.port)
            text = Text("Port {port} is kept, but the box is too busy to start it now.", port=settings.port)
            raise ConflictError(text) from error
        self._ports = {**self._ports, settings.port: port}

    def use_settings(self, settings: PortSettings) -> None:
        """Have the port with the number of `settings` work with them. The caller holds `changing`."""
        self._ports[settings.port].use_settings(self._complete(settings))

    def remove(self, number: int, wait_s: float) -> bool:
        """End a port. False: it still finishes the part in the air after `wait_s`, and leaves then.

        The caller holds `changing`.
        """
        port = self._ports[number]
        self._ports = {other: each for other, each in self._ports.items() if other != number}
        self._leaving = {**self._leaving, number: port}
        port.stop(keep_line=False)
        if port.join(wait_s):
            self._left(number)
            return True
        self._later(_LOOK_S, partial(self._look, number))
        return False

    def stop(self) -> None:
        """Tell every port to stop; the next process may continue on the lines."""
        self._stopped = True
        for port in self._ports.values():
            port.stop()

    def join(self, deadline: float) -> list[int]:
        """Wait until every port has ended, until `deadline` (monotonic seconds); the numbers of those that have not."""
        ports = {**self._leaving, **self._ports}
        return [number for number, port in ports.items() if not port.join(max(0.0, deadline - monotonic()))]

    def probes(self) -> dict[str, Callable[[Callable[[], None]], None]]:
        """A function for each port that has its thread call another function, by the port's name."""
        return {f"port {number}": port.probe for number, port in self._ports.items()}

    def _complete(self, settings: PortSettings) -> PortSettings:
        return settings.model_copy(update={"submit_via": settings.submit_via or self._submit_via})

    def _look(self, number: int) -> None:
        """See whether a removed port has ended, again and again. Runs on the timers' thread, which must not wait."""
        if self.changing.acquire(blocking=False):
            try:
                if self._leaving[number].join(0):
                    self._left(number)
                    return
            finally:
                self.changing.release()
        self._later(_LOOK_S, partial(self._look, number))

    def _left(self, number: int) -> None:
        self._work.remove_port(number)
        self._leaving = {other: each for other, each in self._leaving.items() if other != number}
