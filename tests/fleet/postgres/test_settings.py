"""The address of PostgreSQL: no password in it, and TLS wherever it leads over a network."""

from __future__ import annotations

import re
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.commands.dashboard_address import lan_address
from gatewayd.fleet.postgres.connection import connect
from gatewayd.fleet.postgres.errors import PostgresAwayError, PostgresRefusedError, PostgresSettingsError
from gatewayd.fleet.postgres.settings import PASSWORD_VARIABLE, ConnectionSettings
from tests.fleet.databases import Database, new_database, temporary_server
from tests.fleet.postgres.connections import settings_of

pytestmark = pytest.mark.postgres

SECRET = "very-secret-word"


def parameters(dsn: str, **options: Path) -> dict[str, str | int]:
    return ConnectionSettings(dsn, "bamako-1", **options).parameters()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://gatewayd:{SECRET}@db.example/fleet",
        f"host=db.example password={SECRET}",
        f"host=db.example sslpassword={SECRET}",
        f"postgresql://db.example/fleet?password={SECRET}",
        f"host=db.example password={SECRET} nonsense",
        f"postgresql://gatewayd:{SECRET}@db example/fleet?x=y",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_repeated(dsn: str) -> None:
    with pytest.raises(PostgresSettingsError) as refused:
        parameters(dsn)
    shown = f"{refused.value!s} {refused.value!r} {refused.value.__cause__!r}"
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("dsn", "mode"),
    [
        ("host=db.example", "require"),
        ("host=10.0.0.7", "require"),
        ("postgresql://db.example/fleet?sslrootcert=/etc/ca.pem", "verify-full"),
        ("host=db.example sslmode=verify-ca", "verify-ca"),
        ("host=db.example sslmode=require sslrootcert=/etc/ca.pem", "require"),
        ("host=127.0.0.1 hostaddr=10.0.0.7", "require"),
        ("host=127.0.0.1,db.example", "require"),
    ],
)
def test_a_network_needs_tls(dsn: str, mode: str) -> None:
    assert parameters(dsn)["sslmode"] == mode


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
@pytest.mark.parametrize("where", ["host=db.example", "hostaddr=10.0.0.7", "host=/run/postgresql,10.0.0.7"])
def test_a_network_without_tls_is_refused_with_the_remedy(where: str, mode: str) -> None:
    with pytest.raises(PostgresSettingsError, match=r"sslmode=verify-full"):
        parameters(f"{where} sslmode={mode}")


@pytest.mark.parametrize(
    "where", ["host=/run/postgresql", "host=127.0.0.1", "host=::1", "host=localhost", "dbname=x", "host=127.0.0.1 sslmode=disable"]
)  # fmt: skip
def test_this_machine_needs_no_tls(where: str) -> None:
    assert parameters(where).get("sslmode") in (None, "disable")


def test_a_variable_of_libpq_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules for TLS looked at the address only."""
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.setenv("PGHOSTADDR", "10.0.0.7")
    assert parameters("dbname=x")["host"] == ""
    assert parameters("dbname=x")["hostaddr"] == ""


@pytest.mark.parametrize("name", ["options", "application_name", "connect_timeout"])
def test_a_parameter_that_gatewayd_sets_is_refused(name: str) -> None:
    with pytest.raises(PostgresSettingsError, match=name):
        parameters(f"host=/tmp {name}=1")


def test_the_password_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    monkeypatch.setenv(PASSWORD_VARIABLE, "another")
    assert parameters("host=/tmp", password_file=file)["password"] == SECRET
    assert parameters("host=/tmp")["password"] == "another"
    monkeypatch.delenv(PASSWORD_VARIABLE)
    assert "password" not in parameters("host=/tmp")
    with pytest.raises(PostgresSettingsError, match="missing"):
        parameters("host=/tmp", password_file=tmp_path / "missing")


@given(st.text())
def test_any_address_is_taken_or_refused_with_a_sentence(dsn: str) -> None:
    with suppress(PostgresSettingsError):
        parameters(dsn)


def test_a_wrong_password_is_refused_and_a_right_one_taken(database: Database, tmp_path: Path) -> None:
    settings = settings_of(database.dsn, tmp_path)
    connection = connect(settings)
    row = connection.execute(
        "SELECT application_name, current_setting('statement_timeout') AS timeout FROM pg_stat_activity"
        " WHERE pid = pg_backend_pid()"
    ).fetchone()
    connection.close()
    assert row is not None
    assert (row["application_name"], row["timeout"]) == ("gatewayd a", "10s")
    assert settings.password_file is not None
    settings.password_file.write_text(SECRET, encoding="utf-8")
    with pytest.raises(PostgresRefusedError) as refused:
        connect(settings)
    assert SECRET not in str(refused.value)


def test_a_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    with temporary_server(ssl=True) as server, new_database(server) as database:
        connect(settings_of(database.dsn, tmp_path)).close()
        with temporary_server(ssl=True) as other:
            dsn = database.dsn.replace(str(server.certificate), str(other.certificate))
            with pytest.raises(PostgresRefusedError, match="certificate"):
                connect(settings_of(dsn, tmp_path))


def test_a_server_in_the_network_is_reached_with_tls_only(tmp_path: Path) -> None:
    address = lan_address()
    assert address is not None
    encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    with temporary_server(ssl=True, address=address) as server, new_database(server) as database:
        without = re.sub(r"ssl\w+=\S+", "", database.dsn)
        for dsn in (database.dsn, without):  # with a certificate to check, and with the program's own choice
            with closing(connect(settings_of(dsn, tmp_path))) as connection:
                assert connection.execute(encrypted).fetchall()[0][0] == 1
        elsewhere = database.dsn.replace(f"host={address}", f"host=db.example hostaddr={address}")
        with pytest.raises(PostgresRefusedError, match=r"db\.example"):
            connect(settings_of(elsewhere, tmp_path))  # the certificate is for the address


def test_a_server_in_the_network_without_tls_is_refused(tmp_path: Path) -> None:
    address = lan_address()
    assert address is not None
    with (
        temporary_server(address=address) as server,
        new_database(server) as database,
        pytest.raises(PostgresRefusedError, match="SSL"),
    ):
        connect(settings_of(database.dsn, tmp_path))


def test_a_missing_server_is_away(tmp_path: Path) -> None:
    with pytest.raises(PostgresAwayError):
        connect(ConnectionSettings(f"host={tmp_path}", "a"))
