"""Ports that are kept in the database, and the ports that are paused, of the configuration file too."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection

_COLUMNS = "port, device, baud, slots, pin, smsc, rtscts"


@dataclass(frozen=True, slots=True)
class StoredPort:
    """A port of the database; the fields are those of `config.settings.PortSettings`."""

    port: int
    device: str
    baud: int
    slots: int
    pin: str | None
    smsc: str | None
    rtscts: int

    def __repr__(self) -> str:
        """Without the PIN, which must not enter a log."""
        return f"StoredPort(port={self.port}, device={self.device!r})"


def stored(db: Connection) -> list[StoredPort]:
    """All ports of the database, by number."""
    return [StoredPort(*row) for row in db.execute(f"SELECT {_COLUMNS} FROM ports ORDER BY port")]


def put(db: Connection, port: StoredPort, now: int) -> None:
    """Keep a port, in place of an earlier one with its number."""
    values = (port.port, port.device, port.baud, port.slots, port.pin, port.smsc, port.rtscts)
    db.execute(
        f"INSERT OR REPLACE INTO ports ({_COLUMNS}, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, now),
    )


def remove(db: Connection, port: int) -> bool:
    """Delete a port; whether it was there."""
    return db.execute("DELETE FROM ports WHERE port = ?", (port,)).rowcount == 1


def paused(db: Connection) -> dict[int, int]:
    """Since when each paused port is paused, by number."""
    return dict(db.execute("SELECT port, since FROM paused_ports").fetchall())


def pause(db: Connection, port: int, now: int) -> bool:
    """Mark a port as paused; False: it was paused already."""
    return (
        db.execute("INSERT OR IGNORE INTO paused_ports (port, since) VALUES (?, ?)", (port, now)).rowcount
        == 1
    )


def resume(db: Connection, port: int) -> bool:
    """Remove the mark of a paused port; False: it was not paused."""
    return db.execute("DELETE FROM paused_ports WHERE port = ?", (port,)).rowcount == 1
