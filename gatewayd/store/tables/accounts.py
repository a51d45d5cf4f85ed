"""Companies, API keys, and the quota used by each company."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key with the state of its company. `company_active` None: there is no such company."""

    id: int
    company_id: int
    service: str
    admin: bool
    active: bool
    expires_at: int | None
    company_active: bool | None
    rights: frozenset[str]
    sandbox: bool


@dataclass(frozen=True, slots=True)
class Company:
    """A company with its usage of a month."""

    id: int
    name: str
    active: int
    quota: int | None  # messages a month; None: unlimited
    used: int
    opt_outs: str  # the messages that an opt-out blocks: bulk or all
    sending_window: str | None  # of bulk messages, `HH:MM-HH:MM`; None: always


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms on which messages of a company are accepted. `used`: of the quota, in the month; 0 without a quota."""

    quota: int | None
    used: int
    blocks_all: bool


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is shown."""

    id: int
    company_id: int
    prefix: str
    service: str
    admin: int
    active: int
    expires_at: int | None
    rights: str  # names, separated by commas
    sandbox: int


def find_key(db: Connection, digest: bytes) -> KnownKey | None:
    """The key with this hash."""
    row = db.execute(
        "SELECT k.id, k.company_id, k.service, k.admin, k.active, k.expires_at, c.active, k.rights, k.sandbox"
        " FROM api_keys k LEFT JOIN companies c ON c.id = k.company_id WHERE k.hash = ?",
        (digest,),
    ).fetchone()
    if row is None:
        return None
    key_id, company_id, service, admin, active, expires_at, company_active, rights, sandbox = row
    return KnownKey(
        key_id,
        company_id,
        service,
        bool(admin),
        bool(active),
        expires_at,
        None if company_active is None else bool(company_active),
        frozenset(filter(None, rights.split(","))),
        bool(sandbox),
    )


def add_company(db: Connection, name: str, quota: int | None, now: int) -> int:
    """A new company; its id."""
    row = db.execute(
        "INSERT INTO companies (name, quota, created_at) VALUES (?, ?, ?) RETURNING id", (name, quota, now)
    ).fetchone()
    company_id: int = row[0]
    return company_id


def company_exists(db: Connection, company_id: int) -> bool:
    """Whether there is a company with this id."""
    return db.execute("SELECT 1 FROM companies WHERE id = ?", (company_id,)).fetchone() is not None


def monthly_quota(db: Connection, company_id: int) -> int | None:
    """The quota of a company, in messages a month; None without one."""
    row = db.execute("SELECT quota FROM companies WHERE id = ?", (company_id,)).fetchone()
    return None if row is None else row[0]


def companies(db: Connection, month: str) -> list[Company]:
    """All companies, with the messages that each has `used` in the month."""
    found = db.execute(
        "SELECT c.id, c.name, c.active, c.quota, coalesce(u.used, 0), c.opt_outs, c.sending_window FROM companies c"
        " LEFT JOIN company_usage u ON u.company_id = c.id AND u.month = ? ORDER BY c.id",
        (month,),
    )
    return [Company(*row) for row in found]


def sending_windows(db: Connection) -> dict[int, str]:
    """The sending windows (`HH:MM-HH:MM`) of the companies that have one, by company id."""
    return dict(
        db.execute("SELECT id, sending_window FROM companies WHERE sending_window IS NOT NULL").fetchall()
    )


def add_key(
    db: Connection,
    company_id: int,
    prefix: str,
    digest: bytes,
    service: str,
    admin: bool,
    expires_at: int | None,
    now: int,
    rights: str = "",
    sandbox: bool = False,
) -> int:
    """A new key; its id."""
    row = db.execute(
        "INSERT INTO api_keys (company_id, prefix, hash, service, admin, rights, sandbox, expires_at, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (company_id, prefix, digest, service, admin, rights, sandbox, expires_at, now),
    ).fetchone()
    key_id: int = row[0]
    return key_id


def keys(db: Connection) -> list[ApiKey]:
    """All keys, without their hashes."""
    found = db.execute(
        "SELECT id, company_id, prefix, service, admin, active, expires_at, rights, sandbox FROM api_keys ORDER BY id"
    )
    return [ApiKey(*row) for row in found]


def update(db: Connection, table: str, row_id: int, changes: Mapping[str, object]) -> bool:
    """Set columns of one row of `companies`, `api_keys` or `sims`; False where there is no such row.

    Table and column names become SQL: callers take them from a fixed list, never from a request.
    """
    columns = ", ".join(f"{name} = :{name}" for name in changes)
    statement = f"UPDATE {table} SET {columns} WHERE id = :row_id"
    return db.execute(statement, {**changes, "row_id": row_id}).rowcount == 1


def used(db: Connection, company_id: int, month: str) -> int:
    """The messages that a company has used of its quota in the month."""
    row = db.execute(
        "SELECT used FROM company_usage WHERE company_id = ? AND month = ?", (company_id, month)
    ).fetchone()
    return 0 if row is None else row[0]


def blocks_all(db: Connection, company_id: int) -> bool:
    """Whether an opt-out blocks every message of a company, and not its bulk messages only."""
    row = db.execute("SELECT opt_outs FROM companies WHERE id = ?", (company_id,)).fetchone()
    return row is not None and row[0] == "all"


def terms(db: Connection, company_id: int, month: str) -> Terms:
    """The terms of a company in a month; those of one that does not exist have no quota."""
    row = db.execute(
        "SELECT quota, CASE WHEN quota IS NULL THEN 0 ELSE coalesce("
        "  (SELECT used FROM company_usage WHERE company_id = :company AND month = :month), 0) END, opt_outs"
        " FROM companies WHERE id = :company",
        {"company": company_id, "month": month},
    ).fetchone()
    return Terms(None, 0, False) if row is None else Terms(row[0], row[1], row[2] == "all")


def use(db: Connection, company_id: int, month: str, count: int) -> None:
    """Add `count` messages to the use of the quota; a negative count gives them back."""
    db.execute(
        "INSERT INTO company_usage VALUES (?, ?, ?)"
        " ON CONFLICT (company_id, month) DO UPDATE SET used = company_usage.used + excluded.used",
        (company_id, month, count),
    )
