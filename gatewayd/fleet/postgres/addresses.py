"""The parts of a connection string, for set-up: it makes others of it. No password is ever in them."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from config.language.text import Text
from gatewayd.fleet.postgres.errors import PostgresSettingsError


def parts(dsn: str) -> dict[str, str]:
    """The parts of a connection string (`host`, `dbname`, `user`, …). Raises PostgresSettingsError, which quotes nothing."""
    try:
        return {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.ProgrammingError:
        raise PostgresSettingsError(
            Text("the address of PostgreSQL is neither a URI (postgresql://…) nor of the form key=value …")
        ) from None


def joined(of: dict[str, str]) -> str:
    """The connection string of these parts, as key=value."""
    return make_conninfo("", **of)


def is_socket(of: dict[str, str]) -> bool:
    """Whether these parts lead to a Unix socket of this machine."""
    host = of.get("hostaddr") or of.get("host", "")
    return host == "" or host.startswith(("/", "@"))
