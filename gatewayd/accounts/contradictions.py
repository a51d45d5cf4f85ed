"""Finds contradictory settings of companies, keys and SIMs: one sentence each, with the remedy. They are only reported.

The sentences have ids, but no names or numbers: the archive of `gatewayd support` contains them too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from config.language.text import Text
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
        return [Text("There is no company, so no client can send: `gatewayd company add NAME` makes one.")]
    if len(inactive) == len(companies):
        return [Text("No company is active, so no client can send: `gatewayd company set ID --active yes`.")]
    if not any(_lets_in(key, inactive, at) for key in keys):
        return [
            Text("No API key is valid, so no client can send: `gatewayd key add --company ID` makes one.")
        ]
    return []


def _lets_in(key: ApiKey, inactive: set[int], at: Moment) -> bool:
    return bool(key.active) and key.service == "sms" and not _key(key, inactive, at)


def _company(row: Company, all_: Iterable[Company]) -> list[str]:
    about = Text("Company {company}", company=row.id)
    notes: list[str] = [
        Text(
            "{about} has the same name as company {other}: `gatewayd company set {company} --name NAME` renames one of them.",
            about=about,
            other=other.id,
            company=row.id,
        )
        for other in all_
        if other.id < row.id and _folded(other.name) == _folded(row.name)
    ]
    if row.quota == 0:
        notes.append(
            Text("{about} has a quota of 0, so it sends nothing: `--quota none` takes it away.", about=about)
        )
    elif row.quota is not None and row.used >= row.quota:
        notes.append(Text("{about} has used up its quota, so it sends nothing more this month.", about=about))
    return notes


def _key(row: ApiKey, inactive: set[int], at: Moment) -> list[str]:
    about, notes = Text("Key {key}", key=row.id), list[str]()
    if row.expires_at is not None and row.expires_at <= at.now:
        notes.append(
            Text(
                "{about} has expired already and is refused: `gatewayd key set {key} --expires` sets another end.",
                about=about,
                key=row.id,
            )
        )
    if row.company_id in inactive:
        company = row.company_id
        notes.append(
            Text(
                "{about} is refused while its company {company} is not active:"
                " `gatewayd company set {company} --active yes`.",
                about=about,
                company=company,
            )
        )
    if row.service != "sms":
        notes.append(
            Text(
                "{about} is for the service {service}, so it is refused here: this gateway sends sms.",
                about=about,
                service=row.service,
            )
        )
    return notes


def _sim(row: Sim, all_: Iterable[Sim], inactive: set[int]) -> list[str]:
    about, number = Text("SIM {sim}", sim=row.id), row.shown_number
    change = f"gatewayd sim set {row.id}"
    notes: list[str] = [
        Text(
            "{about} has the same number as SIM {other}: correct one of them with `gatewayd sim set ID --number NUMBER`.",
            about=about,
            other=other.id,
        )
        for other in all_
        if number and other.id != row.id and other.shown_number == number
    ]
    if row.is_default and row.company_id is None:
        notes.append(
            Text(
                "{about} is a default but belongs to no company, so companies without a SIM of their own send with it:"
                " `{change} --company ID --default` makes it that of one.",
                about=about,
                change=change,
            )
        )
    if row.is_default and not row.enabled:
        notes.append(
            Text(
                "{about} is a default but disabled, so it is never chosen: `{change} --enabled yes`.",
                about=about,
                change=change,
            )
        )
    if row.company_id in inactive:
        notes.append(
            Text(
                "{about} belongs to company {company}, which is not active, so it sends nothing.",
                about=about,
                company=row.company_id,
            )
        )
    for daily, monthly, what in (
        (row.daily_limit, row.monthly_limit, "limit"),
        (row.daily_parts, row.monthly_parts, "parts"),
        (row.daily_recipients, row.monthly_recipients, "recipients"),
    ):
        for limit, option in ((daily, f"--daily-{what}"), (monthly, f"--monthly-{what}")):
            if limit == 0:
                notes.append(
                    Text(
                        "{about} has a limit of 0, so it sends nothing: `{change} {option} none`.",
                        about=about,
                        change=change,
                        option=option,
                    )
                )
        if daily and monthly and monthly < daily:
            notes.append(
                Text(
                    "{about} may send less in a month than in a day, so its daily limit is without effect.",
                    about=about,
                )
            )
    return notes


def _inactive(companies: Iterable[Company]) -> set[int]:
    return {row.id for row in companies if not row.active}


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
