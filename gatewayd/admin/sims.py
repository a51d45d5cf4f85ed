"""`gatewayd sim …`: manage the known SIM cards."""

from __future__ import annotations

from datetime import date

from pydantic import with_config
from typing_extensions import TypedDict

from config.language.text import Text, text_of
from gatewayd.accounts import contradictions
from gatewayd.admin.context import ONLY_THESE, Context, Id, named, positive_or_none
from gatewayd.errors import AdminError, WrongUseError
from gatewayd.sims import blocked_sims, limit_changes
from gatewayd.sims.limits import Room, room
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, sim_recipients, sim_usage, sims
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import Moment, iso, month_of
from modem.driver.ussd import is_code


@with_config(ONLY_THESE)
class Changes(TypedDict, total=False):
    """The columns of a SIM that `set_` may change."""

    name: str | None
    number: str | None
    operator: str | None
    company_id: Id | None
    daily_limit: int | None
    monthly_limit: int | None
    daily_parts: int | None
    monthly_parts: int | None
    daily_recipients: int | None
    monthly_recipients: int | None
    reset_hour: int
    cost: float
    enabled: bool
    renew_code: str | None
    holder: str | None
    registered_on: str | None


_LIMITS = (
    "daily_limit",
    "monthly_limit",
    "daily_parts",
    "monthly_parts",
    "daily_recipients",
    "monthly_recipients",
)


def list_(context: Context) -> list[dict[str, object]]:
    """List all SIMs, with the last port and slot of each and its messages of today."""
    at = context.moment()
    with context.shared.readers.lend() as db:
        return [_shown(row, room(db, row, at)) for row in sims.shown(db, at.today)]


def show(context: Context, sim: Id) -> dict[str, object]:
    """Show one SIM. Raises AdminError if there is no such SIM."""
    found = next((one for one in list_(context) if one["id"] == sim), None)
    if found is None:
        raise _unknown(sim)
    return context.noted(found, contradictions.of_sim)


_STATE = (
    "id",
    "port",
    "slot",
    "enabled",
    "balance",
    "balance_at",
    "bundle_units",
    "bundle_end",
    "unreadable_since",
    "suspected_blocked_since",
)


def state(context: Context) -> list[dict[str, object]]:
    """The SIMs with their balances, and with what a person should look at."""
    return [{name: sim[name] for name in _STATE} for sim in list_(context)]


def set_(context: Context, sim: Id, changes: Changes, default: bool = False) -> dict[str, object]:
    """Change the settings of a SIM; `default` makes it the default SIM of its company."""
    checked = _checked(context, changes)

    def change(db: Transaction) -> None:
        limits_before = sims.at_work(db, sim)
        if limits_before is None:
            raise _unknown(sim)
        before = sims.number_of(db, sim)
        company = changes.get("company_id")
        if company is not None and not accounts.company_exists(db, company):
            raise AdminError(
                Text("there is no company {company}: `gatewayd company list` shows them", company=company)
            )
        if "company_id" in changes:
            sims.give_to(db, sim, company)
        if checked:
            accounts.update(db, "sims", sim, checked)
            limits_after = sims.at_work(db, sim)
            if limits_after is not None:
                limit_changes.follow(db, limits_before, limits_after, context.moment(), context.calendar)
        sims.note_change(db, sim, before, context.moment().now)
        if default:
            sims.make_default(db, sim)

    context.write_sims(change)
    return show(context, sim)


def clear(context: Context, sim: Id) -> dict[str, object]:
    """Let a SIM that is suspected of being blocked send again at once: a person has talked to its operator."""

    def change(db: Transaction) -> None:
        if not sims.exists(db, sim):
            raise _unknown(sim)
        blocked_sims.clear(db, sim)

    context.write_sims(change)
    if context.gateway is not None:
        context.gateway.port_registry.clear(sim)
        context.may_free_work()
    return show(context, sim)


def usage(context: Context) -> list[dict[str, object]]:
    """What each SIM has taken against its limits on its present day and in its month."""
    at = context.moment()
    with context.shared.readers.lend() as db:
        return [_usage(db, row, at) for row in sims.shown(db, at.today)]


def _usage(db: Transaction, row: Sim, at: Moment) -> dict[str, object]:
    day = at.day_from(row.reset_hour)
    month = month_of(day)
    today, so_far = sim_usage.on_day(db, row.id, day), sim_usage.in_month(db, row.id, month)
    counted = row.limits_recipients
    return {
        "id": row.id,
        "daily_limit": today.messages,
        "monthly_limit": so_far.messages,
        "daily_parts": today.parts,
        "monthly_parts": so_far.parts,
        # Recipients are only counted where they are limited.
        "daily_recipients": sim_recipients.count(db, row.id, day) if counted else None,
        "monthly_recipients": sim_recipients.count(db, row.id, month) if counted else None,
    }


def _unknown(sim: int) -> AdminError:
    return AdminError(Text("there is no SIM {sim}: `gatewayd sim list` shows them", sim=sim))


def _checked(context: Context, changes: Changes) -> dict[str, object]:
    checked: dict[str, object] = dict(changes)
    for field in ("name", "operator"):
        if checked.get(field) is not None:
            checked[field] = named(str(checked[field]))
    for field in _LIMITS:
        if checked.get(field) is not None:
            checked[field] = positive_or_none(field, int(str(checked[field])))
    if not 0 <= changes.get("reset_hour", 0) <= 23:
        raise WrongUseError(Text("reset_hour must be 0 to 23"))
    renew_code = changes.get("renew_code")
    if renew_code is not None and not all(map(is_code, renew_code.split() or [""])):
        raise WrongUseError(
            Text("renew_code must be a USSD code, and replies to its menus behind it, as '*100# 2 1'")
        )
    if "holder" in changes:
        checked["holder"] = named(changes["holder"]) if changes["holder"] else None
    if "registered_on" in changes:
        checked["registered_on"] = _date(changes["registered_on"])
    number = checked.get("number")
    if number is not None:
        try:
            checked["number"] = context.numbering.own(str(number))
        except ValueError as error:
            raise WrongUseError(text_of(error)) from error
    cost = checked.get("cost")
    if cost is not None and not 0 <= float(str(cost)) < 1e9:
        raise WrongUseError(Text("the cost of a part must be 0 or more"))
    return checked


def _iso(moment: int | None) -> str | None:
    return None if moment is None else iso(moment)


def _date(text: str | None) -> str | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise WrongUseError(Text("registered must be a date, as 2026-11-30")) from error


def _shown(row: Sim, left: Room) -> dict[str, object]:
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
        "balance_at": _iso(row.balance_at),
        "today_sent": row.today_sent,
        "today_failed": row.today_failed,
        "daily_parts": row.daily_parts,
        "monthly_parts": row.monthly_parts,
        "daily_recipients": row.daily_recipients,
        "monthly_recipients": row.monthly_recipients,
        "reset_hour": row.reset_hour,
        "left": {
            "messages": left.messages,
            "parts": left.parts,
            "recipients": min((each.left for each in left.recipients), default=None),
        },
        "bundle_units": row.bundle_units,
        "bundle_end": _iso(row.bundle_end),
        "unreadable_since": _iso(row.unreadable_since),
        "renew_code": row.renew_code,
        "renewed_at": _iso(row.renewed_at),
        "suspected_blocked_since": _iso(row.suspected_at),
        "holder": row.holder,
        "registered_on": row.registered_on,
    }
