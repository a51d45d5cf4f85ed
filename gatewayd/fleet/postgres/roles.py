"""The role with which boxes work: it may read and write the tables, and nothing else."""

from __future__ import annotations

import re
import secrets
from typing import Final

from config.language.text import Text
from gatewayd.fleet.postgres.connection import Connection
from gatewayd.fleet.postgres.errors import PostgresSettingsError
from gatewayd.fleet.postgres.settings import SCHEMA

ROLE: Final = "gatewayd"

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def make_role(db: Connection, name: str = ROLE, password: str | None = None) -> str:
    """Make the role, or give it a new password, as a role that may do so; the password.

    `password` None: a random one. Raises PostgresSettingsError where the name cannot be one.
    """
    _check(name)
    password = password or secrets.token_urlsafe(24)
    known = db.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = ?", (name,)).fetchone()
    verb = "CREATE" if known is None else "ALTER"
    # PostgreSQL takes no parameters here. It stores only a digest; `quoted` doubles the quotes.
    db.run_script(
        f"{verb} ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
        f" PASSWORD {_quoted(password)}"
    )
    return password


def grant(db: Connection, name: str = ROLE) -> None:
    """Give the role its rights on the tables that there are, as their owner: after each migration."""
    _check(name)
    with db.transaction():
        db.run_script(
            f"GRANT USAGE ON SCHEMA {SCHEMA} TO {name};"
            f" GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMA} TO {name};"
            f" REVOKE INSERT, UPDATE, DELETE ON {SCHEMA}.schema_versions FROM {name};"
            f" GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {name}"
        )


def _check(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise PostgresSettingsError(
            Text("{name} cannot be the name of a role: small letters, digits and _ only", name=name)
        )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
