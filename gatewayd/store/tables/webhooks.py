"""Webhooks and their progress. Times are microseconds since the epoch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gatewayd.records import NO_COMPANY, Audience, EventType
from gatewayd.store.engine.connection import Connection, Row
from gatewayd.store.tables import events
from gatewayd.store.tables.accounts import update


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a webhook has come, and how its receiver does."""

    position: int  # events up to this one are delivered, or have a row of their own
    catch_up_to: int = 0  # events up to this one were missed, and are sent slowly
    failing_since: int | None = None  # the first failure after the last success
    missed_from: int | None = None  # the event of that failure
    last_failure_at: int | None = None
    last_success_at: int | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook. Its text form hides the secrets, so that no log ever has them."""

    id: int
    company_id: int
    key_id: int | None  # the key that made it; None: the command line
    box: bool  # gets the events of the box; else those of the company
    sandbox: bool
    private: bool  # its URL may lead to private addresses
    url: str
    types: frozenset[EventType] | None  # None: all
    description: str
    state: str  # ok, failing, paused or disabled
    secrets: tuple[str, str | None]  # the present one, and the one before a rotation
    old_until: int | None  # until then the one before signs too
    created_at: int
    paused_for: str | None  # gone, failing or key_deactivated: why it is paused or disabled
    progress: Progress

    def __repr__(self) -> str:
        return f"<webhook {self.id}, {self.state}>"

    @property
    def settings(self) -> tuple[object, ...]:
        """The values that decide whether and how events are sent to it."""
        return self.state, self.url, self.private, self.types, self.secrets, self.old_until

    @property
    def audience(self) -> Audience:
        """The reader of events that the webhook is."""
        return Audience(None if self.box else self.company_id, box=self.box, sandbox=self.sandbox)

    def signing(self, now: int) -> list[str]:
        """The secrets that sign at a moment, the newest first."""
        present, old = self.secrets
        if old is None or self.old_until is None or now >= self.old_until:
            return [present]
        return [present, old]


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """The values of a webhook that is made."""

    company_id: int
    key_id: int | None
    box: bool
    sandbox: bool
    private: bool
    url: str
    types: Collection[EventType] | None
    description: str
    secret: str


_READ: Final = """
    SELECT w.*, p.position, p.catch_up_to, p.failing_since, p.missed_from, p.last_failure_at, p.last_success_at
    FROM webhooks w JOIN webhook_progress p ON p.webhook_id = w.id
"""
_BY_NAME: Final = {each.value: each for each in EventType}  # another version may have stored other types

_PROGRESS: Final = (
    "UPDATE webhook_progress SET position = ?, catch_up_to = ?, failing_since = ?, missed_from = ?, last_failure_at = ?,"
    " last_success_at = ? WHERE webhook_id = ?"
)


def add(db: Connection, new: NewWebhook, now: int) -> int:
    """A new webhook, for events from now on; its id."""
    row = db.execute(
        "INSERT INTO webhooks (company_id, key_id, box, sandbox, private, url, types, description, secret, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            new.company_id,
            new.key_id,
            new.box,
            new.sandbox,
            new.private,
            new.url,
            types_text(new.types),
            new.description,
            new.secret,
            now,
        ),
    ).fetchone()
    db.execute(
        "INSERT INTO webhook_progress (webhook_id, position) VALUES (?, ?)", (row[0], events.last_id(db))
    )
    webhook_id: int = row[0]
    return webhook_id


def types_text(types: Collection[EventType] | None) -> str | None:
    """Types of events as they are stored."""
    return None if types is None else ",".join(sorted(each.value for each in types))


def find(db: Connection, webhook_id: int) -> Webhook | None:
    """One webhook."""
    row = db.execute(f"{_READ} WHERE w.id = ?", (webhook_id,)).fetchone()
    return None if row is None else _webhook(row)


def all_(db: Connection) -> list[Webhook]:
    """All webhooks."""
    return [_webhook(row) for row in db.execute(f"{_READ} ORDER BY w.id")]


def of_company(db: Connection, company_id: int, *, sandbox: bool) -> list[Webhook]:
    """The webhooks of a company."""
    rows = db.execute(
        f"{_READ} WHERE w.company_id = ? AND w.sandbox = ? ORDER BY w.id", (company_id, sandbox)
    )
    return [_webhook(row) for row in rows]


def count_of_company(db: Connection, company_id: int) -> int:
    """How many webhooks a company has."""
    count: int = db.execute("SELECT count(*) FROM webhooks WHERE company_id = ?", (company_id,)).fetchone()[0]
    return count


def states(db: Connection) -> dict[str, int]:
    """How many webhooks are in each state that one is in."""
    return {row[0]: row[1] for row in db.execute("SELECT state, count(*) FROM webhooks GROUP BY state")}


def set_columns(db: Connection, webhook_id: int, changes: Mapping[str, object]) -> bool:
    """Set columns of `webhooks`, whose names must come from a fixed list; False where there is no such webhook."""
    return update(db, "webhooks", webhook_id, changes)


def touch(db: Connection, webhook_id: int) -> None:
    """Change nothing of a webhook, so that those who follow changes look at it."""
    db.execute("UPDATE webhooks SET state = state WHERE id = ?", (webhook_id,))


def set_progress(db: Connection, webhook_id: int, progress: Progress) -> None:
    """Store how far a webhook has come."""
    db.execute(
        _PROGRESS,
        (
            progress.position,
            progress.catch_up_to,
            progress.failing_since,
            progress.missed_from,
            progress.last_failure_at,
            progress.last_success_at,
            webhook_id,
        ),
    )


def advance(db: Connection, positions: Iterable[tuple[int, int]]) -> None:
    """Move webhooks on to (position, id of the webhook): nothing before the position is for them."""
    db.executemany(
        "UPDATE webhook_progress SET position = ? WHERE webhook_id = ? AND position < ?",
        [(position, webhook_id, position) for position, webhook_id in positions],
    )


def of_key(db: Connection, key_id: int) -> list[Webhook]:
    """The webhooks that a key made."""
    return [_webhook(row) for row in db.execute(f"{_READ} WHERE w.key_id = ? ORDER BY w.id", (key_id,))]


def remove(db: Connection, webhook_id: int) -> bool:
    """Delete a webhook. Its deliveries are deleted by `deliveries.drop_all`. False: there is none."""
    db.execute("DELETE FROM webhook_progress WHERE webhook_id = ?", (webhook_id,))
    return db.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,)).rowcount == 1


@dataclass(frozen=True, slots=True)
class Kind:
    """The audience and the type of events."""

    company_id: int
    sandbox: bool
    type: EventType

    def is_for(self, webhook: Webhook) -> bool:
        """Whether a webhook gets such events."""
        owner = NO_COMPANY if webhook.box else webhook.company_id
        wanted = webhook.types is None or self.type in webhook.types
        return wanted and (self.company_id, self.sandbox) == (owner, webhook.sandbox)


def kinds(db: Connection, after_id: int, until_id: int) -> Sequence[Kind]:
    """The kinds of events with ids above `after_id`, up to `until_id`."""
    rows = db.execute(
        "SELECT DISTINCT company_id, sandbox, type FROM events WHERE id > ? AND id <= ?", (after_id, until_id)
    )
    return [Kind(row[0], bool(row[1]), events.type_of(row[2])) for row in rows]


def _webhook(row: Row) -> Webhook:
    names = row["types"]
    return Webhook(
        row["id"],
        row["company_id"],
        row["key_id"],
        bool(row["box"]),
        bool(row["sandbox"]),
        bool(row["private"]),
        row["url"],
        None if names is None else frozenset(_BY_NAME[name] for name in names.split(",") if name in _BY_NAME),
        row["description"],
        row["state"],
        (row["secret"], row["old_secret"]),
        row["old_until"],
        row["created_at"],
        row["paused_for"],
        Progress(
            row["position"],
            row["catch_up_to"],
            row["failing_since"],
            row["missed_from"],
            row["last_failure_at"],
            row["last_success_at"],
        ),
    )
