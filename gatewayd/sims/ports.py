"""Adds, changes, removes, pauses and restarts ports, in the database and in the running gateway."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from config.language.text import Text
from config.settings import PortSettings
from gatewayd.errors import ConflictError, Fault, InvalidRequestError, NotFoundError
from gatewayd.sims import known_ports
from gatewayd.sims.known_ports import KnownPort, Source
from gatewayd.sims.port_set import PortSet
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import ports
from modem.hardware.device_path import DeviceUnavailableError, find_device

# A removed port normally finishes its part within this time. A request does not wait longer.
_LEAVE_S = 4.0

MOST_PORTS = 256
"""The most ports of one gateway: each has a thread."""


class Ports:
    """The ports of one gateway. A change is durable first; then the running ports follow.

    Every method raises StoreUnavailableError where the database cannot be written or read.
    """

    def __init__(self, store: Store, file_ports: Sequence[PortSettings], running: PortSet | None) -> None:
        """`running`: None where no daemon runs on the store."""
        self._store = store
        self._file_ports = file_ports
        self._running = running

    def known(self) -> list[KnownPort]:
        """Every configured port, by number; those of the file first."""
        with self._store.readers.lend() as db:
            return known_ports.known(db, self._file_ports)

    def one(self, number: int) -> KnownPort:
        """The port with this number that runs or is paused. Raises NotFoundError."""
        with self._store.readers.lend() as db:
            return self._one(db, number)

    def add(self, values: Mapping[str, object], now: int) -> KnownPort:
        """Keep a port in the database and start it.

        Raises InvalidRequestError, ConflictError (its number or device is in use).
        """
        settings = known_ports.checked(values)
        with self._changing():
            self._check_device(settings)
            if self._running is not None and self._running.is_leaving(settings.port):
                text = Text(
                    "Port {port} was removed and still finishes a message: try again in a minute.",
                    port=settings.port,
                )
                raise ConflictError(text)

            def keep(db: Transaction) -> None:
                self._check_free(db, settings)
                ports.put(db, known_ports.row_of(settings), now)
                ports.resume(db, settings.port)  # a mark from an earlier port with this number

            self._store.write(keep)
            if self._running is not None:
                self._running.add(settings)
        return KnownPort(settings, Source.DATABASE)

    def set(self, number: int, changes: Mapping[str, object], now: int) -> KnownPort:
        """Change settings of a port of the database; None removes one. The port uses them after the part in the air.

        Raises InvalidRequestError, NotFoundError, ConflictError.
        """
        if "port" in changes:
            raise InvalidRequestError(
                [Fault("port", Text("cannot be changed: remove the port, and add it anew"))]
            )
        with self._changing():
            with self._store.readers.lend() as db:
                before = self._stored(db, number)
            values = {**_given(before.settings), **changes}
            after = known_ports.checked({name: value for name, value in values.items() if value is not None})
            self._check_device(after)

            def change(db: Transaction) -> None:
                self._check_free(db, after, besides=number)
                ports.put(db, known_ports.row_of(after), now)

            self._store.write(change)
            replaced_by = known_ports.winner(after, self._file_ports)
            if self._running is not None and replaced_by is None:
                if number in self._running:
                    self._running.use_settings(after)
                else:  # a port of the file had its device before
                    self._running.add(after)
        return KnownPort(after, Source.DATABASE, before.paused_since, replaced_by)

    def remove(self, number: int) -> bool:
        """Delete a port of the database and end it. False: it still finishes a message, and ends then.

        Raises NotFoundError, ConflictError (it is a port of the configuration file).
        """
        with self._changing():

            def delete(db: Transaction) -> KnownPort:
                found = self._stored(db, number)
                ports.remove(db, number)
                if found.replaced_by != number:  # else the mark belongs to the port of the file
                    ports.resume(db, number)
                return found

            found: KnownPort = self._store.write(delete)
            if self._running is None or found.replaced_by is not None:
                return True
            return self._running.remove(number, _LEAVE_S)

    def pause(self, number: int, now: int) -> KnownPort:
        """Pause a port, also of the configuration file: it finishes the part in the air and closes its device.

        It stays paused until `resume`, also over a restart. Raises NotFoundError.
        """
        with self._changing():

            def mark(db: Transaction) -> bool:
                self._one(db, number)
                return ports.pause(db, number, now)

            if self._store.write(mark) and self._running is not None:
                self._running[number].pause()
        return self.one(number)

    def resume(self, number: int) -> KnownPort:
        """Have a paused port work again. Raises NotFoundError."""
        with self._changing():

            def unmark(db: Transaction) -> bool:
                self._one(db, number)
                return ports.resume(db, number)

            if self._store.write(unmark) and self._running is not None:
                self._running[number].resume()
        return self.one(number)

    def restart(self, number: int) -> None:
        """Restart the modem of a running port, after the part in the air. Raises NotFoundError, ConflictError."""
        with self._changing():
            found = self.one(number)
            if found.paused_since is not None:
                raise ConflictError(Text("Port {port} is paused: resume it first.", port=number))
            if self._running is None:
                raise ConflictError(Text("No gatewayd is running on this store."))
            self._running[number].restart_modem()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the right to change the running ports, so that they and the database do not part."""
        if self._running is None:
            yield
        else:
            with self._running.changing:
                yield

    def _one(self, db: Transaction, number: int) -> KnownPort:
        found = next(
            (port for port in known_ports.in_use(db, self._file_ports) if port.number == number), None
        )
        if found is None:
            raise _unknown(number)
        return found

    def _stored(self, db: Transaction, number: int) -> KnownPort:
        """The port of the database with this number. Raises NotFoundError, ConflictError."""
        found = [port for port in known_ports.known(db, self._file_ports) if port.number == number]
        for port in found:
            if port.source is Source.DATABASE:
                return port
        if found:
            text = Text(
                "Port {port} is in the configuration file: change it there, then restart the gateway.",
                port=number,
            )
            raise ConflictError(text)
        raise _unknown(number)

    def _check_free(self, db: Transaction, settings: PortSettings, besides: int | None = None) -> None:
        """Raise ConflictError where another port has the number or device. `besides`: a port that may have them."""
        others = [
            port.settings
            for port in known_ports.known(db, self._file_ports)
            if not (port.source is Source.DATABASE and port.number == besides)
        ]
        if besides is None and len(others) >= MOST_PORTS:
            raise ConflictError(Text("There are {count} ports already.", count=MOST_PORTS))
        for other in others:
            if other.port == settings.port and besides is None:
                text = Text("There is a port {port} already: choose another number.", port=settings.port)
                raise ConflictError(text)
            if other.device == settings.device:
                raise _device_in_use(other.port)

    def _check_device(self, settings: PortSettings) -> None:
        """Raise ConflictError where another port has the device under another name. Not within a transaction."""
        path = _path(settings.device)
        for port in self.known() if path else ():
            if port.number != settings.port and _path(port.settings.device) == path:
                raise _device_in_use(port.number)


def _given(settings: PortSettings) -> dict[str, object]:
    """The settings of a stored port, as they can be checked again."""
    return {
        "port": settings.port,
        "device": settings.device,
        "baud": settings.baud,
        "slots": settings.slots,
        "pin": settings.pin,
        "smsc": settings.smsc,
        "rtscts": settings.rtscts,
    }


def _path(device: str) -> str:
    """The present path of a device, without links; "" where it is not there now."""
    try:
        return os.path.realpath(find_device(device))
    except DeviceUnavailableError:
        return ""


def _device_in_use(port: int) -> ConflictError:
    return ConflictError(Text("Port {port} uses this device already.", port=port))


def _unknown(port: int) -> NotFoundError:
    return NotFoundError(Text("There is no port {port}.", port=port))
