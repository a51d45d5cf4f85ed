"""A PostgreSQL server of its own in a folder, from Debian's packages: for the demo of a fleet, for tests and measurements.

The server ends with the process that started it, however that ends (tools/postgres_watcher.py).
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tools.postgres_watcher import Watcher, kill_server

SUPERUSER = "postgres"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0

_DEBIAN = Path("/usr/lib/postgresql")
_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_LONGEST_SOCKET = 107  # bytes of a path in sun_path (unix(7))

StopMode = Literal["smart", "fast", "immediate"]


class PostgresError(RuntimeError):
    """PostgreSQL is missing, does not start or refuses a statement; the text says which, with its own words."""


class PostgresFolder:
    """One server. The constructor starts nothing; the folder may hold an earlier server's data.

    Run as root, the server runs as the user `postgres` (else `nobody`), whom the folder then belongs to: PostgreSQL refuses root.
    """

    def __init__(
        self,
        path: Path,
        port: int = 0,
        *,
        fsync: bool = True,
        ssl: bool = False,
        address: str = "127.0.0.1",
        temporary: bool = False,
        settings: Mapping[str, str | int] | None = None,
    ) -> None:
        """`port` 0: any free one, kept for the life of this object.

        `fsync` false: fast; survives kill(), but not a power cut. `ssl`: TCP only with TLS, by a certificate made here.
        `address`: of this machine, at which clients reach it.
        `temporary`: the folder is removed if this process is killed. `settings`: further lines of postgresql.conf.
        """
        self.path = path.resolve()
        self.data = self.path / "data"
        self.log = self.path / "server.log"
        self.certificate = self.path / "server.crt"
        self.settings = dict(settings or {})
        self.environment: dict[str, str] = {}  # further variables of the server, from its next start on
        self._port = port
        self._fsync = fsync
        self._ssl = ssl
        self._address = address
        self._temporary = temporary
        self._user = _server_user()
        self._passwords: dict[str, str] = {}
        self._reserved: socket.socket | None = None
        self._sockets: Path | None = None
        self._watcher: Watcher | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server and leave the data."""
        self.close()

    @property
    def running(self) -> bool:
        """Whether the server's main process runs."""
        return self._server is not None and self._server.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the server's main process. Raises PostgresError if it does not run."""
        if self._server is None or self._server.poll() is not None:
            raise PostgresError(f"the server in {self.path} does not run")
        return self._server.pid

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1, also while the server is stopped."""
        if self._reserved is None:
            # Bound and never listening: nobody else is given the port while the server is away, and a client is refused.
            self._reserved = socket.socket()
            self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._reserved.bind(("127.0.0.1", self._port))
            self._port = self._reserved.getsockname()[1]
        return self._port

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Create the data if there is none, start the server, and wait until it takes connections."""
        if self.running:
            raise PostgresError(f"the server in {self.path} runs already")
        self._reap()
        self._own_folder()
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._write_configuration()
        if self._watcher is None:
            self._watcher = Watcher(self._socket_folder(), *([self.path] if self._temporary else []))
        with self.log.open("ab") as log:
            self._server = subprocess.Popen(
                [self._program("postgres"), "-D", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env=self._variables(self.environment),
                start_new_session=True,
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
            )
        self._watcher.watch(self.data, self._server.pid)
        self._wait_until_ready(self._server, timeout_s)

    def stop(self, mode: StopMode = "fast", timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop the server in order, or in mode `immediate` as after a crash; wait until it ended. No fault if it does not run.

        Raises PostgresError after `timeout_s`: in mode `smart` it waits for its clients.
        """
        if self._server is None:
            return
        if self._server.poll() is None:
            self._server.send_signal(_SIGNALS[mode])
        try:
            self._server.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise PostgresError(
                f"the server has not stopped within {timeout_s} s: {self._end_of_log()}"
            ) from None
        self._server = None

    def kill(self) -> None:
        """Kill all processes of the server at once. What was committed is kept."""
        kill_server(self.data, self.pid)
        self._reap()

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start the server, with the present `settings` and `environment`."""
        self.stop(mode)
        self.start()

    def close(self) -> None:
        """Stop the server, and give back the port, the socket's folder and the watcher. It can be started again."""
        self.stop("fast")
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None
        if self._sockets is not None:
            shutil.rmtree(self._sockets)
            self._sockets = None

    def remove(self) -> None:
        """Stop the server at once and remove its folder."""
        self.stop("immediate")
        self.close()
        if self.path.exists():
            shutil.rmtree(self.path)

    def dsn(self, user: str = SUPERUSER, dbname: str = "postgres", *, port: int | None = None) -> str:
        """The connection string of a client, in libpq's form of key=value.

        The superuser connects through the Unix socket without a password, a role of `create_role` by TCP with its own.
        `port`: that of a proxy before this server.
        """
        where: dict[str, str | int]
        if user == SUPERUSER and port is None:
            where = {"host": str(self._socket_folder()), "port": self.port}
        else:
            where = {"host": self._address if port is None else "127.0.0.1", "port": port or self.port}
            if user in self._passwords:
                where["password"] = self._passwords[user]
            if self._ssl:
                where |= {"sslmode": "verify-full", "sslrootcert": str(self.certificate)}
        return " ".join(
            f"{key}={_quoted(str(value))}" for key, value in {**where, "user": user, "dbname": dbname}.items()
        )

    def psql(self, sql: str, dbname: str = "postgres") -> str:
        """The output of statements that the superuser runs one by one: a line for each row, `|` between columns.

        Raises PostgresError with the server's message at the first statement that fails.
        """
        result = subprocess.run(
            [
                *(self._program("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
                *("--set=ON_ERROR_STOP=1", f"--dbname={self.dsn(dbname=dbname)}"),
            ],
            input=sql,
            capture_output=True,
            text=True,
            check=False,
            env=self._variables({}),
        )
        if result.returncode:
            raise PostgresError(result.stderr.strip())
        return result.stdout.strip()

    def create_role(self, name: str, password: str) -> None:
        """Create a role that connects by TCP with this password, or give an existing one the password."""
        exists = self.psql(f"SELECT 1 FROM pg_roles WHERE rolname = {_literal(name)};")  # noqa: S608 - quoted
        verb = "ALTER" if exists else "CREATE"
        self.psql(f"{verb} ROLE {_identifier(name)} LOGIN PASSWORD {_literal(password)};")
        self._passwords[name] = password

    def create_database(self, name: str, owner: str = SUPERUSER, template: str = "template1") -> None:
        """Create an empty database, or a copy of another one that nobody uses. Raises PostgresError if there is one of this name."""
        self.psql(
            f"CREATE DATABASE {_identifier(name)} OWNER {_identifier(owner)} TEMPLATE {_identifier(template)};"
        )

    def drop_database(self, name: str) -> None:
        """Drop a database, with the connections that are open to it."""
        self.psql(f"DROP DATABASE IF EXISTS {_identifier(name)} WITH (FORCE);")

    def copy_to(self, path: Path, port: int = 0) -> PostgresFolder:
        """A physical copy of the stopped server's data in a new folder: a backup, or a second server of the same content."""
        copy = PostgresFolder(
            *(path, port),
            fsync=self._fsync,
            ssl=self._ssl,
            address=self._address,
            temporary=self._temporary,
            settings=self.settings,
        )
        copy._passwords = dict(self._passwords)
        copy.restore_from(self)
        return copy

    def restore_from(self, backup: PostgresFolder) -> None:
        """Put a copy of another folder's data in place of the own. Both servers are stopped; port and settings stay."""
        for folder in (self, backup):
            if folder.running:
                raise PostgresError(
                    f"stop the server in {folder.path} first: a copy of a running one is not whole"
                )
        self._own_folder()
        if self.data.exists():
            shutil.rmtree(self.data)
        # cp keeps the owner, which shutil does not.
        subprocess.run(["cp", "--archive", "--reflink=auto", backup.data, self.data], check=True)

    def _reap(self) -> None:
        if self._server is not None:
            self._server.wait(STOP_TIMEOUT_S)
            self._server = None

    def _own_folder(self) -> None:
        """Create the folder and give it to the server's user. Raises PostgresError if that user cannot reach it."""
        self.path.mkdir(parents=True, exist_ok=True)
        if self._user is None:
            return
        os.chown(self.path, self._user.pw_uid, self._user.pw_gid)
        reached = subprocess.run(
            ["test", "-w", self.path],
            check=False,
            user=self._user.pw_uid,
            group=self._user.pw_gid,
            extra_groups=[],
        )
        if reached.returncode:
            raise PostgresError(
                f"the user {self._user.pw_name} cannot reach {self.path}: choose a folder that all its parents let others enter"
            )

    def _socket_folder(self) -> Path:
        """A short folder: the path of a Unix socket has 107 bytes at most. Only root and the server's user may enter."""
        if self._sockets is None:
            self._sockets = Path(tempfile.mkdtemp(prefix="pg-"))
            if self._user is not None:
                os.chown(self._sockets, self._user.pw_uid, self._user.pw_gid)
            if len(f"{self._sockets}/.s.PGSQL.{self.port}.lock") > _LONGEST_SOCKET:
                raise PostgresError(
                    f"the path of a socket in {self._sockets} is too long: set TMPDIR to a shorter folder"
                )
        return self._sockets

    def _create(self) -> None:
        self._run(
            *(self._program("initdb"), "-D", str(self.data), "--username", SUPERUSER, "--auth=trust"),
            *("--encoding=UTF8", "--locale=C.UTF-8"),
            *([] if self._fsync else ["--no-sync"]),
        )
        (self.data / "pg_hba.conf").write_text(
            f"local all {SUPERUSER} trust\n"
            "local all all scram-sha-256\n"
            f"{'hostssl' if self._ssl else 'host'} all all {self._address}/32 scram-sha-256\n"
        )

    def _write_configuration(self) -> None:
        settings: dict[str, str | int] = {
            "listen_addresses": self._address,
            "port": self.port,
            "unix_socket_directories": str(self._socket_folder()),
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "lc_messages": "C",
            "log_line_prefix": "%m [%p] %u@%d ",
            # Memory of the kernel would be left behind by kill().
            "dynamic_shared_memory_type": "mmap",
        }
        if not self._fsync:
            settings |= {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
        if self._ssl:
            self._make_certificate()
            settings |= {
                "ssl": "on",
                "ssl_cert_file": str(self.certificate),
                "ssl_key_file": str(self.certificate.with_suffix(".key")),
            }
        settings |= self.settings
        lines = [
            f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()
        ]
        (self.data / "postgresql.conf").write_text("".join(lines))

    def _make_certificate(self) -> None:
        key = self.certificate.with_suffix(".key")
        if self.certificate.exists() and key.exists():
            return
        self._run(
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-noenc",
            ),
            *(
                "-days",
                "3650",
                "-subj",
                "/CN=localhost",
                "-addext",
                f"subjectAltName=IP:{self._address},DNS:localhost",
            ),
            *("-keyout", str(key), "-out", str(self.certificate)),
        )
        key.chmod(0o600)  # PostgreSQL refuses a key that others can read

    def _wait_until_ready(self, server: subprocess.Popen[bytes], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not self._is_ready(server.pid):
            if server.poll() is not None:
                self._server = None
                raise PostgresError(f"the server ended while it started: {self._end_of_log()}")
            if time.monotonic() > deadline:
                raise PostgresError(f"the server is not ready after {timeout_s} s: {self._end_of_log()}")
            time.sleep(0.01)

    def _is_ready(self, pid: int) -> bool:
        """Whether the server's lock file says so: its first line is the process id, its eighth the state."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])

    def _run(self, *command: str) -> None:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.path,
            env=self._variables({}),
            user=self._user.pw_uid if self._user else None,
            group=self._user.pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
        )
        if result.returncode:
            raise PostgresError(f"{command[0]} failed: {(result.stderr or result.stdout).strip()}")

    def _program(self, name: str) -> str:
        """The program of the version that the data has, else of the newest."""
        version = self.data / "PG_VERSION"
        wanted = version.read_text().strip() if version.exists() else None
        return str(binaries(wanted) / name)

    def _variables(self, more: Mapping[str, str]) -> dict[str, str]:
        """The environment without settings for clients of other servers."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        return {**kept, "LC_ALL": "C", **more}


def binaries(version: str | None = None) -> Path:
    """The folder of PostgreSQL's programs: Debian's newest, or that of a major version, else that in PATH.

    Raises PostgresError if there is none.
    """
    found = {
        int(path.parent.parent.name): path.parent
        for path in _DEBIAN.glob("*/bin/postgres")
        if path.parent.parent.name.isdecimal()
    }
    if version is not None and version.isdecimal() and int(version) in found:
        return found[int(version)]
    if found and version is None:
        return found[max(found)]
    if in_path := shutil.which("postgres"):
        return Path(in_path).resolve().parent
    raise PostgresError(f"there is no PostgreSQL {version or ''} here: apt-get install postgresql")


def _server_user() -> pwd.struct_passwd | None:
    """The user to run the server as, if this process is root's."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(value: str) -> str:
    """A value of a connection string (libpq, 34.1.1)."""
    return value if re.fullmatch(r"[\w./:-]+", value) else "'" + re.sub(r"(['\\])", r"\\\1", value) + "'"
