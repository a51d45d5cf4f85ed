"""The ports of the configuration file and of the database, merged: a port of the file comes first."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from pydantic import ValidationError

from config.language.text import Text
from config.settings import PortSettings
from gatewayd.errors import Fault, InvalidRequestError
from gatewayd.store import Transaction
from gatewayd.store.tables import ports
from gatewayd.store.tables.ports import StoredPort
from modem.hardware.device_path import USB

log = logging.getLogger(__name__)

NEVER_STORED = frozenset({"reset_command", "slot_command", "submit_via"})
"""Settings that only the file may have: `reset_command` runs a program, `slot_command` is any AT command."""

_LONGEST_DEVICE = 4096  # PATH_MAX of Linux
_PATTERN = frozenset("*?[")  # a pattern may make the gateway read every folder of the box

_RULES = {
    "port": Text("must be a whole number from 1 to 9999"),
    "device": Text('must be the path of one device, as "/dev/ttyUSB0", or a USB device, as "usb:1-1.2:2"'),
    "baud": Text("must be a whole number from 50 to 4000000"),
    "slots": Text("must be a whole number from 1 to 64"),
    "pin": Text("must be 4 to 8 digits"),
    "smsc": Text("must be a phone number"),
    "rtscts": Text("must be yes or no"),
}


class Source(Enum):
    """The place where a port is configured."""

    FILE = "file"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class KnownPort:
    """One configured port."""

    settings: PortSettings
    source: Source
    paused_since: int | None = None  # microseconds since the epoch; None: it is not paused
    replaced_by: int | None = (
        None  # the port of the file with the same number or device, which runs in its place
    )

    @property
    def number(self) -> int:
        """Its number."""
        return self.settings.port


def known(db: Transaction, file_ports: Sequence[PortSettings]) -> list[KnownPort]:
    """Every configured port, by number; those of the file first."""
    paused = ports.paused(db)
    found = [KnownPort(port, Source.FILE, paused.get(port.port)) for port in file_ports]
    for row in ports.stored(db):
        settings = _settings_of(row)
        if settings is not None:
            replaced_by = winner(settings, file_ports)
            since = paused.get(row.port) if replaced_by is None else None
            found.append(KnownPort(settings, Source.DATABASE, since, replaced_by))
    return sorted(found, key=lambda port: (port.number, port.source is Source.DATABASE))


def in_use(db: Transaction, file_ports: Sequence[PortSettings]) -> list[KnownPort]:
    """The ports that run or are paused: no two of them have the same number or device."""
    return [port for port in known(db, file_ports) if port.replaced_by is None]


def winner(settings: PortSettings, others: Sequence[PortSettings]) -> int | None:
    """The number of the first other port with the same number or device; None without one."""
    same = (other.port for other in others if other.port == settings.port or other.device == settings.device)
    return next(same, None)


def checked(values: Mapping[str, object]) -> PortSettings:
    """The settings of a port for the database. Raises InvalidRequestError, without the values: one is a PIN."""
    text = Text("can only be set in the configuration file")
    faults = [Fault(name, text) for name in sorted(NEVER_STORED & values.keys())]
    device = values.get("device")
    if isinstance(device, str) and not _is_one_device(device):
        faults.append(Fault("device", _RULES["device"]))
    if faults:
        raise InvalidRequestError(faults)
    try:
        return PortSettings.model_validate(dict(values))
    except ValidationError as error:
        wrong = [str(fault["loc"][0]) for fault in error.errors(include_url=False, include_input=False)]
        unknown = Text("is not a setting of a port")
        raise InvalidRequestError([Fault(name, _RULES.get(name, unknown)) for name in wrong]) from None


def _is_one_device(name: str) -> bool:
    """Whether a name means one device, wherever the daemon was started: a path from the root, or a USB device."""
    return len(name) <= _LONGEST_DEVICE and name.startswith(("/", USB)) and _PATTERN.isdisjoint(name)


def row_of(settings: PortSettings) -> StoredPort:
    """The row of a port in the database."""
    pin = None if settings.pin is None else settings.pin.get_secret_value()
    return StoredPort(
        settings.port,
        settings.device,
        settings.baud,
        settings.slots,
        pin,
        settings.smsc,
        int(settings.rtscts),
    )


def _settings_of(row: StoredPort) -> PortSettings | None:
    """The settings of a row; None where they cannot be used, for example after a change by hand."""
    values = {
        "port": row.port,
        "device": row.device,
        "baud": row.baud,
        "slots": row.slots,
        "rtscts": bool(row.rtscts),
        **{name: value for name, value in (("pin", row.pin), ("smsc", row.smsc)) if value is not None},
    }
    try:
        return checked(values)
    except InvalidRequestError as error:
        names = ", ".join(fault.field for fault in error.faults)
        log.error("port %r of the database is not used: its %s is not valid", row.port, names)
        return None
