"""The settings of a connection: the DSN without its password, the rules for TLS, and times."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from config.language.text import Text, text_of
from gatewayd.fleet.postgres.errors import PostgresSettingsError

PASSWORD_VARIABLE: Final = "GATEWAYD_FLEET_PASSWORD"  # noqa: S105 - a name
"""The variable of the environment that holds the password where no file does."""

SCHEMA: Final = "gatewayd"

_SECRETS: Final = ("password", "sslpassword")
_OURS: Final = (
    "options",
    "application_name",
    "connect_timeout",
    "client_encoding",
    "fallback_application_name",
)
_ENCRYPTED: Final = ("require", "verify-ca", "verify-full")


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """How a box reaches the shared database.

    `dsn`: URI or key=value pairs, without a password. `name`: of the box, for the list of connections of PostgreSQL.
    """

    dsn: str
    name: str
    password_file: Path | None = None
    sslrootcert: Path | None = None
    connect_timeout_s: int = 5
    unacknowledged_s: float = (
        10.0  # bytes that the other machine does not acknowledge for so long end the connection
    )
    statement_s: float = 10.0
    lock_s: float = 5.0
    idle_in_transaction_s: float = 10.0
    answer_s: float = 15.0  # counted here: also where PostgreSQL stands still

    def parameters(self) -> dict[str, str | int]:
        """The parameters for libpq, with the password.

        Raises:
            PostgresSettingsError: the DSN, its TLS or the password cannot be used.
        """
        given = _parsed(self.dsn)
        if self.sslrootcert is not None:
            given.setdefault("sslrootcert", str(self.sslrootcert))
        # Else libpq would take them from variables of the environment, without the rules for TLS.
        given.setdefault("host", "")
        given.setdefault("hostaddr", "")
        if not _is_local(given):
            given["sslmode"] = _sslmode(given)
        if "," in given["host"] or "," in given["hostaddr"]:
            given.setdefault(
                "target_session_attrs", "read-write"
            )  # of several servers, the one that takes writes
        password = self._password()
        secret = {} if password is None else {"password": password}
        return {
            **given,
            **secret,
            "connect_timeout": self.connect_timeout_s,
            "tcp_user_timeout": _ms(self.unacknowledged_s),
            "keepalives": 1,
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "application_name": f"gatewayd {self.name}",
            "client_encoding": "UTF8",
            "options": " ".join(f"-c {name}={value}" for name, value in self._options().items()),
        }

    def _options(self) -> dict[str, str | int]:
        return {
            "search_path": SCHEMA,
            "statement_timeout": _ms(self.statement_s),
            "lock_timeout": _ms(self.lock_s),
            "idle_in_transaction_session_timeout": _ms(self.idle_in_transaction_s),
            "timezone": "UTC",
            "synchronous_commit": "on",  # what is answered as accepted survives a power cut of the server
            "jit": "off",  # statements are short: to compile one takes longer than to run it
        }

    def _password(self) -> str | None:
        if self.password_file is None:
            return os.environ.get(PASSWORD_VARIABLE) or None
        try:
            return self.password_file.read_text(encoding="utf-8").strip("\r\n") or None
        except (OSError, UnicodeDecodeError) as error:
            raise PostgresSettingsError(
                Text(
                    "the password of PostgreSQL cannot be read from {path}: {reason}",
                    path=self.password_file,
                    reason=text_of(error),
                )
            ) from error


def _parsed(dsn: str) -> dict[str, str]:
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    except psycopg.ProgrammingError:
        # The error of libpq quotes the DSN, in which a password may stand.
        raise PostgresSettingsError(
            Text("the address of PostgreSQL is neither a URI (postgresql://…) nor of the form key=value …")
        ) from None
    if any(name in given for name in _SECRETS):
        raise PostgresSettingsError(
            Text(
                "the address of PostgreSQL contains a password: take it out, and put it into a file or into the variable"
                " {variable}",
                variable=PASSWORD_VARIABLE,
            )
        )
    for name in _OURS:
        if name in given:
            raise PostgresSettingsError(
                Text(
                    "the address of PostgreSQL sets {name}, which gatewayd sets itself: take it out",
                    name=name,
                )
            )
    return given


def _is_local(given: dict[str, str]) -> bool:
    """Whether nothing leaves this machine: Unix sockets and loopback addresses only."""
    hosts = (given["hostaddr"] or given["host"]).split(",")
    return all(_is_local_host(host.strip()) for host in hosts)


def _is_local_host(host: str) -> bool:
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _sslmode(given: dict[str, str]) -> str:
    mode = given.get("sslmode")
    if mode is None:
        return "verify-full" if given.get("sslrootcert") else "require"
    if mode not in _ENCRYPTED:
        raise PostgresSettingsError(
            Text(
                "sslmode={mode} would send messages over the network without TLS: use sslmode=verify-full with sslrootcert,"
                " or at least sslmode=require",
                mode=mode,
            )
        )
    return mode


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
