"""Fleets and boxes for the tests of set-up: real databases, real stores."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from config.settings import Settings, parse
from gatewayd.fleet.postgres.connection import Connection, connect
from gatewayd.fleet.postgres.settings import ConnectionSettings
from gatewayd.fleet.setup import agreement
from gatewayd.fleet.setup.initialising import Initialised, initialise, setup_settings
from gatewayd.fleet.setup.joining import Join, Joined
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts
from tests.fleet.databases import Database

NOW = 1_796_000_000_000_000  # in 2026
MONTH = "2026-11"

_digests = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class Fleet:
    """An initialised database, and the password of its role."""

    database: Database
    made: Initialised
    password_file: Path

    @property
    def role(self) -> str:
        """The role of its boxes."""
        return self.made.role

    @property
    def dsn(self) -> str:
        """The connection settings of a box."""
        return f"host=127.0.0.1 port={self.database.server.port} dbname={self.database.name} user={self.role}"

    def connection(self, dsn: str = "") -> ConnectionSettings:
        """The settings of a connection of set-up."""
        return setup_settings(dsn or self.dsn, self.password_file)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection as the role of the boxes."""
        with closing(connect(self.connection())) as db:
            yield db

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """The rows of a statement."""
        with self.connected() as db:
            return [tuple(row) for row in db.execute(statement)]


def begin_fleet(database: Database, folder: Path, settings: Settings | None = None, **times: float) -> Fleet:
    """Initialise the database as its superuser."""
    made = initialise(
        setup_settings(database.superuser_dsn),
        agreement.of_settings(settings or configured()),
        role=f"boxes_{database.name}",  # the roles and passwords of a server are those of all its databases
        new_password=True,
        now=NOW,
        times=times,
    )
    password_file = folder / "fleet-password"
    password_file.write_text(f"{made.password}\n")
    return Fleet(database, made, password_file)


def configured(text: str = "") -> Settings:
    """Settings of a box."""
    return parse(text.encode())


@dataclasses.dataclass(frozen=True)
class OwnBox:
    """A box that is alone: its open store."""

    store: Store

    def company(self, name: str, *, used: int = 0, quota: int | None = None) -> int:
        """Add a company that has used some of its quota."""

        def add(db: Transaction) -> int:
            company = accounts.add_company(db, name, quota, NOW)
            accounts.use(db, company, MONTH, used)
            return company

        return self.store.write(add)

    def key(self, company: int, digest: bytes | None = None) -> int:
        """Add a key."""
        made = digest or f"digest {next(_digests)}".encode()
        return self.store.write(
            lambda db: accounts.add_key(
                db, company, "gw_abc", made, "sms", admin=False, expires_at=None, now=NOW
            )
        )

    def sim(self, iccid: str, company: int | None = None, *, default: bool = False, taken: int = 0) -> int:
        """Add a card that has sent some messages on one day, all to one recipient."""

        def add(db: Transaction) -> int:
            sim: int = db.execute(
                "INSERT INTO sims (iccid, company_id, is_default, daily_limit, port, slot, first_seen_at)"
                " VALUES (?, ?, ?, 100, 1, 1, ?) RETURNING id",
                (iccid, company, default, NOW),
            ).fetchone()[0]
            db.execute("INSERT INTO sim_usage (sim_id, day, taken) VALUES (?, '2026-11-30', ?)", (sim, taken))
            db.execute("INSERT INTO sim_recipients VALUES (?, '2026-11-30', '+22370000001', ?)", (sim, taken))
            db.execute("INSERT INTO sim_recipient_counts VALUES (?, '2026-11-30', 1)", (sim,))
            return sim

        return self.store.write(add)

    def webhook(self, company: int, secret: str) -> int:
        """Add a webhook."""

        def add(db: Transaction) -> int:
            webhook: int = db.execute(
                "INSERT INTO webhooks (company_id, box, sandbox, private, url, description, secret, created_at)"
                " VALUES (?, 0, 0, 0, 'https://example.org/', '', ?, ?) RETURNING id",
                (company, secret, NOW),
            ).fetchone()[0]
            db.execute("INSERT INTO webhook_progress (webhook_id, position) VALUES (?, 7)", (webhook,))
            return webhook

        return self.store.write(add)

    def opt_out(self, company: int, recipient: str) -> None:
        """Opt a number out."""
        self.store.write(
            lambda db: db.execute(
                "INSERT INTO opt_outs (company_id, recipient, opted_out_at, source, inbox_id) VALUES (?, ?, ?, 'text', 3)",
                (company, recipient, NOW),
            )
        )

    def message(
        self, status: str = "delivered", *, number: int | None = None, day: str = "2026-11-30"
    ) -> int:
        """Add a message."""

        def add(db: Transaction) -> int:
            found: int = db.execute(
                "INSERT INTO messages (id, sms_id, task_id, company_id, recipient, text, status, priority, pinned, sim_id, parts,"
                " unsent, undelivered, cost, taken_day, day, created_at)"
                " VALUES (?, ?, 1, 1, '+22370000001', 'x', ?, 1, 0, 1, 1, 0, 0, 0, ?, ?, ?) RETURNING id",
                (number, f"sms-{next(_digests)}", status, day, day, NOW),
            ).fetchone()[0]
            return found

        return self.store.write(add)

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """The rows of a statement."""
        with self.store.readers.lend() as db:
            return [tuple(row) for row in db.execute(statement)]


@contextmanager
def own_box(folder: Path, name: str) -> Iterator[OwnBox]:
    """A box with an empty store of its own."""
    (folder / name).mkdir(exist_ok=True)
    store = Store(folder / name / "gatewayd.db")
    store.open()
    try:
        yield OwnBox(store)
    finally:
        store.close()


def join(
    fleet: Fleet,
    box: OwnBox,
    name: str,
    answers: dict[int, int | None] | None = None,
    settings: Settings | None = None,
) -> Joined:
    """Have a box join."""
    with fleet.connected() as db:
        return Join(db, box.store, settings or configured(), name, NOW).run(answers or {})
