"""A modem at a pseudo-terminal, with the line between them."""

from __future__ import annotations

import os
from pathlib import Path

from modem.simulator.core.modem import Modem
from modem.simulator.core.timers import Timers
from modem.simulator.pty import READ_AT_ONCE, Terminal
from modem.simulator.reactor import Reactor

BITS_AN_OCTET = 10  # start, eight, stop
AWAY_S = 5.0  # how long a stick that crashed takes to be enumerated again


class Port:
    """Carries octets between a pseudo-terminal and its modem. The link stays; the terminal changes at a replug."""

    def __init__(self, number: int, link: Path, reactor: Reactor, timers: Timers, baud: int) -> None:
        self.number = number
        self.link = link
        self._reactor = reactor
        self._timers = timers
        self._octet_s = BITS_AN_OCTET / baud if baud else 0.0
        self._modem: Modem | None = None
        self._terminal: Terminal | None = None
        self._outgoing = bytearray()
        self._in_free_at = self._out_free_at = 0.0

    @property
    def modem(self) -> Modem:
        """The modem at this port."""
        if self._modem is None:
            raise RuntimeError("no modem was put here")
        return self._modem

    def put(self, modem: Modem) -> None:
        """Set the port's modem, once."""
        self._modem = modem
        modem.vanish = self._vanish

    @property
    def device(self) -> str:
        """The terminal that the link points to now, "" while the modem is away."""
        return self._terminal.name if self._terminal else ""

    # --- plugged in and out ------------------------------------------------------------------------

    def plug(self, *, warm: bool = False) -> None:
        """Make a terminal and its link, and switch the modem on. Raises OSError."""
        if self._terminal is not None:
            return
        self._terminal = Terminal()
        self._reactor.watch(self._terminal.fd, self._ready)
        self._make_link(self._terminal.name)
        self.modem.power_on(warm=warm)

    def _make_link(self, target: str) -> None:
        fresh = self.link.with_name(self.link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(self.link)  # never a moment without a link where there was one

    def unplug(self) -> None:
        """Unplug the modem: switch it off, and remove its terminal and its link."""
        if self._terminal is None:
            return
        self.modem.power_off()
        self._reactor.forget(self._terminal.fd)
        self._terminal.close()
        self._terminal = None
        self._outgoing.clear()
        if self.link.is_symlink():
            self.link.unlink()

    def replug(self) -> None:
        """Plug the modem in again, on another terminal if a program has the old one open."""
        self.unplug()
        self.plug()

    def _vanish(self) -> None:
        self._timers.later(0.0, self.unplug)
        self._timers.later(AWAY_S, self.plug)

    # --- octets ------------------------------------------------------------------------------------

    def _ready(self) -> None:
        terminal = self._terminal
        if terminal is None:
            return
        if terminal.waiting:
            terminal.write(b"")
            self._reactor.want_to_write(terminal.fd, terminal.waiting)
        while data := terminal.read():
            self._arrive(data)
            if len(data) < READ_AT_ONCE:
                return

    def _arrive(self, data: bytes) -> None:
        if not self._octet_s:
            self.modem.feed(data)
            return
        now = self._timers.now()
        self._in_free_at = max(now, self._in_free_at) + len(data) * self._octet_s
        self._timers.later(self._in_free_at - now, lambda: self.modem.feed(data))

    def write(self, data: bytes) -> None:
        """Send the modem's octets at the speed of the line."""
        if not self._octet_s:
            self._send(data)
            return
        now = self._timers.now()
        self._out_free_at = max(now, self._out_free_at) + len(data) * self._octet_s
        self._timers.later(self._out_free_at - now, lambda: self._send(data))

    def _send(self, data: bytes) -> None:
        if not self._outgoing:
            self._reactor.before_waiting(self._flush)
        self._outgoing += data

    def _flush(self) -> None:
        """Write the octets of this turn of the loop in one piece."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        terminal = self._terminal
        if terminal is None or not data:
            return
        waited = terminal.waiting
        terminal.write(data)
        if terminal.waiting != waited:
            self._reactor.want_to_write(terminal.fd, terminal.waiting)


def remove_stale(link: Path) -> None:
    """Remove a link that a former bank left. Raises FileExistsError if the path is not a link."""
    if link.is_symlink():
        link.unlink()
    elif os.path.lexists(link):
        raise FileExistsError(f"{link} is there already and is no link of a simulated bank")
