"""Settings of the box that the dashboard chose, where the configuration file decides nothing."""

from __future__ import annotations

from gatewayd.store.engine.connection import Connection


def all_of(db: Connection) -> dict[str, str]:
    """Each setting with its value."""
    return dict(db.execute("SELECT name, value FROM box_settings"))


def keep(db: Connection, name: str, value: str) -> None:
    """Set a setting."""
    db.execute(
        "INSERT INTO box_settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
