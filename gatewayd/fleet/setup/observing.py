"""The state of the fleet as this box sees it, also while PostgreSQL is away: for `status`, `check` and the dashboard."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from config.language.text import text_of
from config.settings import FleetSettings
from gatewayd.fleet.postgres.connection import Connection, connect
from gatewayd.fleet.postgres.errors import PostgresFaultError, PostgresRefusedError, PostgresSettingsError
from gatewayd.fleet.postgres.migrations import check_version
from gatewayd.fleet.postgres.settings import ConnectionSettings
from gatewayd.fleet.setup import members
from gatewayd.fleet.setup.errors import SetupError
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.inspection import look
from gatewayd.store.tables import membership


def connection_settings(fleet: FleetSettings) -> ConnectionSettings:
    """The connection of a box by its configuration."""
    return ConnectionSettings(
        fleet.dsn, fleet.name, password_file=fleet.password_file, sslrootcert=fleet.sslrootcert
    )


def connected(fleet: FleetSettings) -> closing[Connection]:
    """A connection for one question. Raises PostgresSettingsError and StoreUnavailableError."""
    return closing(connect(connection_settings(fleet)))


def untold_of(store: Path) -> int | None:
    """The outcomes that a box has not told, read from its store while a daemon may have it; None: it cannot be read."""
    try:
        return look(store, membership.untold)
    except StoreUnavailableError:
        return None


def observed(fleet: FleetSettings, untold: int | None) -> dict[str, Any]:
    """The fleet as a document. `away`: why PostgreSQL cannot be asked; then only what this box knows by itself is there.

    `untold`: outcomes that this box has not told yet; None: not known.
    """
    own = {"name": fleet.name, "untold": untold}
    try:
        with connected(fleet) as db:
            check_version(db)
            return {**own, "away": None, "refused": False, **members.state(db).as_document()}
    except (PostgresSettingsError, PostgresRefusedError, SetupError) as error:
        return {**own, "away": text_of(error), "refused": True}
    except (StoreUnavailableError, PostgresFaultError) as error:
        return {**own, "away": text_of(error), "refused": False}
