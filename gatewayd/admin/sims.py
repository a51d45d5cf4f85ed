"""`gatewayd sim …`: the SIM cards that were seen."""

from __future__ import annotations

from gatewayd.admin.context import AdminError, Context, named, positive_or_none
from gatewayd.clock import iso
from gatewayd.store import accounts, sims
from gatewayd.store.database import Connection, Row


def list_(context: Context) -> list[dict[str, object]]:
    """All SIMs, where each was last seen, and what it carried today."""
    with context.store.readers.lend() as db:
        rows = sims.shown(db, context.moment().today)
    return [_shown(row) for row in rows]


def set_(context: Context, sim: int, changes: dict[str, object], default: bool = False) -> dict[str, object]:
    """Change what the operator of the box says of a SIM; `default` makes it the default of its company.

    `note` in the answer: what of that contradicts something else.
    """
    changes = _checked(context, changes)

    def change(db: Connection) -> list[int]:
        if not sims.exists(db, sim):
            raise AdminError(f"there is no SIM {sim}: `gatewayd sim list` shows them")
        before = sims.number_of(db, sim)
        company = changes.get("company_id")
        if company is not None and accounts.company(db, int(str(company))) is None:
            raise AdminError(f"there is no company {company}: `gatewayd company list` shows them")
        if "company_id" in changes:
            sims.give_to(db, sim, None if company is None else int(str(company)))
        if changes:
            accounts.update(db, "sims", sim, changes)
        sims.note_change(db, sim, before, context.moment().now)
        if default:
            sims.make_default(db, sim)
        return sims.others_with(db, sim, str(changes["number"])) if changes.get("number") else []

    others = context.store.write(change)
    context.may_free_work()
    found = next(row for row in list_(context) if row["id"] == sim)
    if others:
        found["note"] = (
            f"SIM {', '.join(map(str, others))} has this number too: one of them is wrong."
            " `gatewayd loop-test` shows where a text arrives."
        )
    return found


def _checked(context: Context, changes: dict[str, object]) -> dict[str, object]:
    checked = dict(changes)
    for field in ("name", "operator"):
        if checked.get(field) is not None:
            checked[field] = named(str(checked[field]))
    for field in ("daily_limit", "monthly_limit"):
        if checked.get(field) is not None:
            checked[field] = positive_or_none(field, int(str(checked[field])))
    number = checked.get("number")
    if number is not None:
        try:
            checked["number"] = context.numbering.own(str(number))
        except ValueError as error:
            raise AdminError(str(error)) from error
    cost = checked.get("cost")
    if cost is not None and not 0 <= float(str(cost)) < 1e9:
        raise AdminError("the cost of a part must be 0 or more")
    return checked


def _shown(row: Row) -> dict[str, object]:
    return {
        "id": row["id"],
        "iccid": row["iccid"],
        "name": row["name"] or f"{row['shown_operator']} {row['iccid'][-4:]}".strip(),
        "number": row["shown_number"],
        "operator": row["shown_operator"],
        "port": row["port"],
        "slot": row["slot"],
        "company": row["company_id"],
        "default": bool(row["is_default"]),
        "enabled": bool(row["enabled"]),
        "daily_limit": row["daily_limit"],
        "monthly_limit": row["monthly_limit"],
        "cost": row["cost"],
        "balance": row["balance"],
        "balance_at": None if row["balance_at"] is None else iso(row["balance_at"]),
        "today_sent": row["today_sent"],
        "today_failed": row["today_failed"],
    }
