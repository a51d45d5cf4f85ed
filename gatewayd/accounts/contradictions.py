"""Finds contradictory settings of companies, keys and SIMs: one sentence each, with the remedy. They are only reported.

The sentences have ids, but no names or numbers: the archive of `gatewayd support` contains them too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, sims
from gatewayd.store.tables.accounts import ApiKey, Company
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import Moment, month_of


def of_company(db: Transaction, company_id: int, at: Moment) -> list[str]:
    """The contradictions of one company."""
    rows = accounts.companies(db, month_of(at.today))
    return [note for row in rows if row.id == company_id for note in _company(row, rows)]


def of_key(db: Transaction, key_id: int, at: Moment) -> list[str]:
    """The contradictions of one key."""
    inactive = _inactive(accounts.companies(db, ""))
    return [note for row in accounts.keys(db) if row.id == key_id for note in _key(row, inactive, at)]


def of_sim(db: Transaction, sim_id: int, at: Moment) -> list[str]:
    """The contradictions of one SIM."""
    rows, inactive = sims.shown(db, at.today), _inactive(accounts.companies(db, ""))
    return [note for row in rows if row.id == sim_id for note in _sim(row, rows, inactive)]


def of_all(db: Transaction, at: Moment) -> list[str]:
    """The contradictions of everything. The sentence that no client can send comes first."""
    companies = accounts.companies(db, month_of(at.today))
    keys, cards = accounts.keys(db), sims.shown(db, at.today)
    inactive = _inactive(companies)
    notes = _nobody(companies, keys, inactive, at)
    notes += [note for row in companies for note in _company(row, companies)]
    notes += [note for row in keys if row.active for note in _key(row, inactive, at)]
    notes += [note for row in cards for note in _sim(row, cards, inactive)]
    return notes


def _nobody(companies: list[Company], keys: list[ApiKey], inactive: set[int], at: Moment) -> list[str]:
    if not companies:
        return ["There is no company, so no client can send: `gatewayd company add NAME` makes one."]
    if len(inactive) == len(companies):
        return ["No company is active, so no client can send: `gatewayd company set ID --active yes`."]
    if not any(_lets_in(key, inactive, at) for key in keys):
        return ["No API key is valid, so no client can send: `gatewayd key add --company ID` makes one."]
    return []


def _lets_in(key: ApiKey, inactive: set[int], at: Moment) -> bool:
    return bool(key.active) and key.service == "sms" and not _key(key, inactive, at)


def _company(row: Company, all_: Iterable[Company]) -> list[str]:
    about = f"Company {row.id}"
    notes = [
        f"{about} has the same name as company {other.id}: `gatewayd company set {row.id} --name NAME` renames one of them."
        for other in all_
        if other.id < row.id and _folded(other.name) == _folded(row.name)
    ]
    if row.quota == 0:
        notes.append(f"{about} has a quota of 0, so it sends nothing: `--quota none` takes it away.")
    elif row.quota is not None and row.used >= row.quota:
        notes.append(f"{about} has used up its quota, so it sends nothing more this month.")
    return notes


def _key(row: ApiKey, inactive: set[int], at: Moment) -> list[str]:
    about, notes = f"Key {row.id}", []
    if row.expires_at is not None and row.expires_at <= at.now:
        notes.append(
            f"{about} has expired already and is refused: `gatewayd key set {row.id} --expires` sets another end."
        )
    if row.company_id in inactive:
        company = row.company_id
        notes.append(
            f"{about} is refused while its company {company} is not active: `gatewayd company set {company} --active yes`."
        )
    if row.service != "sms":
        notes.append(
            f"{about} is for the service {row.service}, so it is refused here: this gateway sends sms."
        )
    return notes


def _sim(row: Sim, all_: Iterable[Sim], inactive: set[int]) -> list[str]:
    about, number = f"SIM {row.id}", row.shown_number
    change = f"`gatewayd sim set {row.id}"
    notes = [
        f"{about} has the same number as SIM {other.id}: correct one of them with `gatewayd sim set ID --number NUMBER`."
        for other in all_
        if number and other.id != row.id and other.shown_number == number
    ]
    if row.is_default and row.company_id is None:
        notes.append(
            f"{about} is a default but belongs to no company, so companies without a SIM of their own send with it:"
            f" {change} --company ID --default` makes it that of one."
        )
    if row.is_default and not row.enabled:
        notes.append(f"{about} is a default but disabled, so it is never chosen: {change} --enabled yes`.")
    if row.company_id in inactive:
        notes.append(
            f"{about} belongs to company {row.company_id}, which is not active, so it sends nothing."
        )
    for daily, monthly, what in (
        (row.daily_limit, row.monthly_limit, "limit"),
        (row.daily_parts, row.monthly_parts, "parts"),
        (row.daily_recipients, row.monthly_recipients, "recipients"),
    ):
        for limit, option in ((daily, f"--daily-{what}"), (monthly, f"--monthly-{what}")):
            if limit == 0:
                notes.append(f"{about} has a limit of 0, so it sends nothing: {change} {option} none`.")
        if daily and monthly and monthly < daily:
            notes.append(
                f"{about} may send less in a month than in a day, so its daily limit is without effect."
            )
    return notes


def _inactive(companies: Iterable[Company]) -> set[int]:
    return {row.id for row in companies if not row.active}


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
