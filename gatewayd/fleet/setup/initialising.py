"""`gatewayd fleet init`: the schema, the role of the boxes, and what they agree on. It may be repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from config.language.text import Text
from gatewayd.fleet.postgres.addresses import is_socket, joined, parts
from gatewayd.fleet.postgres.connection import Connection, connect
from gatewayd.fleet.postgres.errors import PostgresRefusedError
from gatewayd.fleet.postgres.migrations import migrate
from gatewayd.fleet.postgres.roles import grant, make_role
from gatewayd.fleet.postgres.settings import ConnectionSettings
from gatewayd.fleet.setup import agreement
from gatewayd.fleet.setup.agreement import Agreement
from gatewayd.fleet.setup.errors import SetupError
from gatewayd.fleet.setup.os_user import acting_as
from gatewayd.fleet.setup.sequences import last_of

FIRST_MESSAGE: Final = 10**12
"""Message ids of a fleet begin above all that a box can have given before it joined, so they never meet in its store."""

OLDEST_SERVER: Final = 150000
"""PostgreSQL 15, that of Debian 12."""

_SLOWEST_S: Final = 60.0  # of a statement of set-up
_SUPERUSER: Final = "postgres"  # of Debian, which connects through the socket as the user of that name


@dataclass(frozen=True, slots=True)
class Initialised:
    """The result of `initialise`. `password`: of the role, where it was made or changed."""

    created: bool  # false: there was a fleet already
    role: str
    password: str | None
    dsn: str  # as the boxes reach the database from this machine
    differences: list[Text]  # between the fleet that was there and this box


def setup_settings(
    dsn: str, password_file: Path | None = None, sslrootcert: Path | None = None
) -> ConnectionSettings:
    """The settings of a connection for set-up, whose statements may take longer."""
    return ConnectionSettings(
        dsn,
        "set-up",
        password_file=password_file,
        sslrootcert=sslrootcert,
        statement_s=_SLOWEST_S,
        lock_s=_SLOWEST_S,
        idle_in_transaction_s=_SLOWEST_S,
        answer_s=_SLOWEST_S + 5,
    )


def initialise(
    settings: ConnectionSettings,
    box: Agreement,
    *,
    role: str,
    new_password: bool,
    now: int,
    times: Mapping[str, float] | None = None,
) -> Initialised:
    """Make the fleet in the database, which is created too where it is missing and the user may do that.

    `times`: of the protocol, by column of `fleet`; tests shorten them. Raises SetupError and the errors of a connection.
    """
    with _database(settings) as db:
        _check_server(db)
        migrate(db)
        password = make_role(db, role) if new_password or not _role_exists(db, role) else None
        grant(db, role)
        with db.transaction():
            created = _begin_fleet(db, box, now, times or {})
            if last_of(db, "message_ids") < FIRST_MESSAGE:
                db.execute("SELECT setval('message_ids', ?)", (FIRST_MESSAGE,))
        return Initialised(
            created,
            role,
            password,
            _dsn_of_boxes(settings.dsn, role),
            agreement.differences(agreement.of_fleet(db), box),
        )


@contextmanager
def _database(settings: ConnectionSettings) -> Iterator[Connection]:
    of = parts(settings.dsn)
    user = of.get("user", "")
    if is_socket(of):
        user = user or _SUPERUSER
        settings = replace(settings, dsn=joined({**of, "user": user}))
    with acting_as(user if is_socket(of) else ""):
        try:
            db = connect(settings)
        except PostgresRefusedError:
            if not _create_database(settings, of.get("dbname", "")):
                raise
            db = connect(settings)
    with closing(db):
        yield db


def _create_database(settings: ConnectionSettings, name: str) -> bool:
    """Create the database if that is what was missing. False: it was not."""
    if not name:
        return False
    of = {**parts(settings.dsn), "dbname": "postgres"}
    with closing(connect(replace(settings, dsn=joined(of)))) as db:
        if db.execute("SELECT 1 FROM pg_database WHERE datname = ?", (name,)).fetchone() is not None:
            return False
        quoted = '"' + name.replace('"', '""') + '"'
        db.run_script(f"CREATE DATABASE {quoted} ENCODING 'UTF8' TEMPLATE template0")
        return True


def _check_server(db: Connection) -> None:
    if db.server_version < OLDEST_SERVER:
        raise SetupError(
            Text(
                "this is PostgreSQL {version}: a fleet needs {oldest} or newer",
                version=db.server_version // 10000,
                oldest=OLDEST_SERVER // 10000,
            )
        )
    row = db.execute(
        "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    if row is None or row[0] != "UTF8":
        raise SetupError(
            Text(
                "the database has another encoding than UTF8, which cannot hold every text: create one with UTF8"
            )
        )


def _role_exists(db: Connection, role: str) -> bool:
    return db.execute("SELECT 1 FROM pg_roles WHERE rolname = ?", (role,)).fetchone() is not None


def _begin_fleet(db: Connection, box: Agreement, now: int, times: Mapping[str, float]) -> bool:
    """Write the one row of the fleet. False: it is there."""
    made = db.execute(
        "INSERT INTO fleet (id, time_zone, numbering, retention_days, in_doubt, in_doubt_wait_s, max_pending, created_at)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (
            box.time_zone,
            box.numbering_text,
            box.retention_days,
            box.in_doubt,
            float(box.in_doubt_wait_s),
            box.max_pending,
            now,
        ),
    )
    if made.rowcount and times:
        columns = ", ".join(f"{name} = ?" for name in times)
        db.execute(f"UPDATE fleet SET {columns}", list(map(float, times.values())))  # noqa: S608 - our own names
    return bool(made.rowcount)


def _dsn_of_boxes(dsn: str, role: str) -> str:
    """The address with which a box on this machine, or one that puts another host in, reaches the database."""
    of = parts(dsn)
    kept: dict[str, str] = {
        name: of[name]
        for name in ("host", "hostaddr", "port", "dbname", "sslmode", "sslrootcert")
        if name in of
    }
    if is_socket(of):
        kept = {**kept, "host": "localhost"}
    return joined({**kept, "user": role})
