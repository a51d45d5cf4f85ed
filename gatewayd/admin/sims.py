"""`gatewayd sim …`: manage the known SIM cards."""

from __future__ import annotations

from pydantic import with_config
from typing_extensions import TypedDict

from gatewayd.accounts import contradictions
from gatewayd.admin.context import ONLY_THESE, Context, Id, named, positive_or_none
from gatewayd.errors import AdminError
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, sims
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import iso


@with_config(ONLY_THESE)
class Changes(TypedDict, total=False):
    """The columns of a SIM that `set_` may change."""

    name: str | None
    number: str | None
    operator: str | None
    company_id: Id | None
    daily_limit: int | None
    monthly_limit: int | None
    cost: float
    enabled: bool


def list_(context: Context) -> list[dict[str, object]]:
    """List all SIMs, with the last port and slot of each and its messages of today."""
    with context.store.readers.lend() as db:
        rows = sims.shown(db, context.moment().today)
    return [_shown(row) for row in rows]


def set_(context: Context, sim: Id, changes: Changes, default: bool = False) -> dict[str, object]:
    """Change the settings of a SIM; `default` makes it the default SIM of its company."""
    checked = _checked(context, changes)

    def change(db: Transaction) -> None:
        if not sims.exists(db, sim):
            raise AdminError(f"there is no SIM {sim}: `gatewayd sim list` shows them")
        before = sims.number_of(db, sim)
        company = changes.get("company_id")
        if company is not None and not accounts.company_exists(db, company):
            raise AdminError(f"there is no company {company}: `gatewayd company list` shows them")
        if "company_id" in changes:
            sims.give_to(db, sim, company)
        if checked:
            accounts.update(db, "sims", sim, checked)
        sims.note_change(db, sim, before, context.moment().now)
        if default:
            sims.make_default(db, sim)

    context.store.write(change)
    context.may_free_work()
    return context.noted(next(one for one in list_(context) if one["id"] == sim), contradictions.of_sim)


def _checked(context: Context, changes: Changes) -> dict[str, object]:
    checked: dict[str, object] = dict(changes)
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


def _shown(row: Sim) -> dict[str, object]:
    return {
        "id": row.id,
        "iccid": row.iccid,
        "name": row.shown_name,
        "number": row.shown_number,
        "operator": row.shown_operator,
        "port": row.port,
        "slot": row.slot,
        "company": row.company_id,
        "default": bool(row.is_default),
        "enabled": bool(row.enabled),
        "daily_limit": row.daily_limit,
        "monthly_limit": row.monthly_limit,
        "cost": row.cost,
        "balance": row.balance,
        "balance_at": None if row.balance_at is None else iso(row.balance_at),
        "today_sent": row.today_sent,
        "today_failed": row.today_failed,
    }
