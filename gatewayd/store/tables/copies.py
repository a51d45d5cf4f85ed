"""Copies of small tables of the database that several boxes share, in the database of one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gatewayd.store.engine.connection import Connection

Rows = Sequence[Mapping[str, Any]]
"""Rows of a table, by column name."""

WHOLE: Final = ("companies", "api_keys", "webhooks")
"""Tables that are copied as they are. All of them have the key `id`."""

# The columns of a SIM that the operator decides; its box knows the rest.
_SETTINGS: Final = (
    "number",
    "operator",
    "name",
    "company_id",
    "is_default",
    "enabled",
    "daily_limit",
    "monthly_limit",
    "cost",
    "daily_parts",
    "monthly_parts",
    "daily_recipients",
    "monthly_recipients",
    "reset_hour",
    "holder",
    "registered_on",
    "renew_code",
)
_FACTS: Final = (
    "iccid",
    "imsi",
    "card_number",
    "card_operator",
    "port",
    "slot",
    "first_seen_at",
    "balance",
    "balance_at",
    "suspected_at",
)
_BALANCE: Final = ("read_at", "units", "bundle_end", "unreadable_since", "renewed_at")


@dataclass(frozen=True, slots=True)
class SimFacts:
    """The facts that a box knows of a SIM that it has: the columns of `sims` and of `sim_balances`, by name."""

    sim_id: int
    columns: Mapping[str, Any]
    balance: Mapping[str, Any] | None


def rows(db: Connection, table: str) -> Rows:
    """All rows of a table, whose name is one of this file."""
    order = "sim_id, day" if table == "sim_usage" else "id"
    return [_named(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY {order}").fetchall()]


def replace(db: Connection, table: str, wanted: Rows) -> bool:
    """Make a table of `WHOLE` equal to these rows. Returns whether something changed."""
    columns = _columns(db, table)
    have = {row["id"]: row for row in rows(db, table)}
    want = {row["id"]: {name: row[name] for name in columns if name in row} for row in wanted}
    gone = [row_id for row_id in have if row_id not in want]
    changed = [row for row_id, row in want.items() if have.get(row_id) != row]
    # First all that must go: a unique value may move from one row to another.
    old = [row["id"] for row in changed if row["id"] in have]
    db.executemany(f"DELETE FROM {table} WHERE id = ?", [(row_id,) for row_id in [*gone, *old]])
    for row in changed:
        _insert(db, table, row)
    return bool(gone or changed)


def replace_sims(db: Connection, wanted: Rows, box: str, here: Collection[int]) -> list[int]:
    """Take the settings of all SIMs, and the facts of those that other boxes have; the SIMs that came or changed.

    `box`: the name of this box. `here`: the SIMs in its ports, which it has whatever the others told last.
    """
    columns = _columns(db, "sims")
    have = {row["id"]: row for row in rows(db, "sims")}
    changed: list[int] = []
    updates: list[tuple[int, dict[str, Any]]] = []
    for row in wanted:
        is_own = row["id"] in here or row["box"] in (None, box)
        new = {name: row[name] for name in columns if name in row} | {"box": None if is_own else row["box"]}
        known = have.get(row["id"])
        if known is None:
            db.execute("DELETE FROM sims WHERE iccid = ?", (row["iccid"],))
            _insert(db, "sims", new | {"is_default": 0})
            known = new | {"is_default": 0}
            changed.append(row["id"])
        taken = (*_SETTINGS, "box") if is_own else tuple(new)
        different = {name: new[name] for name in taken if new[name] != known[name]}
        if different:
            updates.append((row["id"], different))
            changed.append(row["id"])
    # A company has one default at most: none may have two while they change.
    for sim_id, different in updates:
        if "is_default" in different or "company_id" in different:
            db.execute("UPDATE sims SET is_default = 0 WHERE id = ?", (sim_id,))
            different["is_default"] = next(row["is_default"] for row in wanted if row["id"] == sim_id)
    for sim_id, different in updates:
        marks = ", ".join(f"{name} = ?" for name in different)
        db.execute(f"UPDATE sims SET {marks} WHERE id = ?", (*different.values(), sim_id))
    return changed


def facts(db: Connection) -> list[SimFacts]:
    """The facts that this box knows of the SIMs that it has."""
    names = ", ".join(f"s.{name}" for name in _FACTS)
    balance = ", ".join(f"b.{name}" for name in _BALANCE)
    found = db.execute(
        f"SELECT s.id, {names}, b.sim_id, {balance} FROM sims s LEFT JOIN sim_balances b ON b.sim_id = s.id"
        " WHERE s.box IS NULL ORDER BY s.id"
    ).fetchall()
    behind = 1 + len(_FACTS)
    return [
        SimFacts(
            row[0],
            dict(zip(_FACTS, tuple(row)[1:behind], strict=True)),
            None if row[behind] is None else dict(zip(_BALANCE, tuple(row)[behind + 1 :], strict=True)),
        )
        for row in found
    ]


def tell_facts(db: Connection, told: SimFacts, box: str) -> int:
    """Tell what a box knows of a SIM that it has; the id of the SIM, which is another one if the card was known already."""
    row = db.execute("SELECT id FROM sims WHERE iccid = ?", (told.columns["iccid"],)).fetchone()
    sim_id: int = told.sim_id if row is None else row[0]
    columns = {**told.columns, "box": box}
    if row is None:
        # Also a card whose ICCID could be read only now: the row was made by its IMSI.
        updated = ", ".join(f"{name} = excluded.{name}" for name in columns)
        db.execute(
            f"INSERT INTO sims (id, {', '.join(columns)}) VALUES (?{', ?' * len(columns)})"
            f" ON CONFLICT (id) DO UPDATE SET {updated}",
            (sim_id, *columns.values()),
        )
    else:
        columns.pop("first_seen_at")
        marks = ", ".join(f"{name} = ?" for name in columns)
        db.execute(f"UPDATE sims SET {marks} WHERE id = ?", (*columns.values(), sim_id))
    if told.balance is not None:
        updated = ", ".join(f"{name} = excluded.{name}" for name in told.balance)
        db.execute(
            f"INSERT INTO sim_balances (sim_id, {', '.join(told.balance)}) VALUES (?{', ?' * len(told.balance)})"
            f" ON CONFLICT (sim_id) DO UPDATE SET {updated}",
            (sim_id, *told.balance.values()),
        )
    return sim_id


def suspicions(db: Connection) -> dict[int, int | None]:
    """Since when each SIM is suspected of being blocked, by its id."""
    return {row[0]: row[1] for row in db.execute("SELECT id, suspected_at FROM sims").fetchall()}


def usage(db: Connection, sim_ids: Sequence[int], from_day: str) -> Rows:
    """The use of SIMs on their days since one."""
    marks = ", ".join(str(int(sim_id)) for sim_id in sim_ids)
    if not marks:
        return []
    found = db.execute(
        f"SELECT * FROM sim_usage WHERE sim_id IN ({marks}) AND day >= ? ORDER BY sim_id, day", (from_day,)
    )
    return [_named(row) for row in found.fetchall()]


def replace_usage(db: Connection, wanted: Rows, sim_ids: Sequence[int], from_day: str) -> None:
    """Take what SIMs took and sent on their days since one."""
    have = {(row["sim_id"], row["day"]): row for row in usage(db, sim_ids, from_day)}
    want = {(row["sim_id"], row["day"]): dict(row) for row in wanted}
    for key in have.keys() - want.keys():
        db.execute("DELETE FROM sim_usage WHERE sim_id = ? AND day = ?", key)
    for key, row in want.items():
        if have.get(key) != row:
            db.execute("DELETE FROM sim_usage WHERE sim_id = ? AND day = ?", key)
            _insert(db, "sim_usage", row)


def joined(db: Connection) -> bool:
    """Whether this database belongs to a box of a fleet."""
    return db.execute("SELECT 1 FROM incarnation").fetchone() is not None


def _columns(db: Connection, table: str) -> list[str]:
    """The columns of a table of this box."""
    return [row[0] for row in db.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall()]


def _named(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in row.keys()}  # noqa: SIM118  rows of SQLite are no mappings


def _insert(db: Connection, table: str, row: Mapping[str, Any]) -> None:
    names: Iterable[str] = row
    db.execute(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
    )
