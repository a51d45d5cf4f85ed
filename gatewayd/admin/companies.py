"""`gatewayd company …`: manage the companies that send through this gateway."""

from __future__ import annotations

from typing import Literal

from pydantic import with_config
from typing_extensions import TypedDict

from config.language.text import Text, text_of
from gatewayd.accounts import contradictions
from gatewayd.accounts.sending_windows import read_window
from gatewayd.admin.context import ONLY_THESE, Context, Id, named, positive_or_none
from gatewayd.errors import AdminError, WrongUseError
from gatewayd.store.tables import accounts
from gatewayd.store.tables.accounts import Company
from gatewayd.timekeeping.clock import month_of


@with_config(ONLY_THESE)
class Changes(TypedDict, total=False):
    """The columns of a company that `set_` may change."""

    name: str
    active: bool
    quota: int | None
    opt_outs: Literal["bulk", "all"]
    sending_window: str | None  # HH:MM-HH:MM; None: always


def add(context: Context, name: str, quota: int | None = None) -> dict[str, object]:
    """Create a company, with a monthly quota or without one."""
    name, quota, at = named(name), positive_or_none("quota", quota), context.moment()
    company_id = context.write_accounts(lambda db: accounts.add_company(db, name, quota, at.now))
    return context.noted(_one(context, company_id), contradictions.of_company)


def list_(context: Context) -> list[dict[str, object]]:
    """List all companies, with the quota that each has used this month."""
    month = month_of(context.moment().today)
    with context.shared.readers.lend() as db:
        return [_shown(row) for row in accounts.companies(db, month)]


def show(context: Context, company: Id) -> dict[str, object]:
    """Return one company, with `notes`: the contradictions of its settings."""
    for each in list_(context):
        if each["id"] == company:
            return {"notes": [], **context.noted(each, contradictions.of_company)}
    raise AdminError(Text("there is no company {company}", company=company))


def set_(context: Context, company: Id, changes: Changes) -> dict[str, object]:
    """Change a company's name, active flag, quota, sending window or rule for opt-outs."""
    if "name" in changes:
        changes["name"] = named(changes["name"])
    if "quota" in changes:
        changes["quota"] = positive_or_none("quota", changes["quota"])
    if (window := changes.get("sending_window")) is not None:
        try:
            read_window(window)
        except ValueError as error:
            raise WrongUseError(text_of(error)) from error
    if not changes:
        raise WrongUseError(Text("name at least one change"))
    if not context.write_accounts(lambda db: accounts.update(db, "companies", company, changes)):
        raise AdminError(Text("there is no company {company}", company=company))
    return context.noted(_one(context, company), contradictions.of_company)


def _one(context: Context, company_id: int) -> dict[str, object]:
    return next(one for one in list_(context) if one["id"] == company_id)


def _shown(row: Company) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "active": bool(row.active),
        "quota": row.quota,
        "used_this_month": row.used,
        "opt_outs": row.opt_outs,
        "window": row.sending_window,
    }
