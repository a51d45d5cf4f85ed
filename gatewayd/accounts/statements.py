"""The statement of a company and a month: its messages and their cost, by SIM and by campaign, and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.language.catalogue import sentence
from config.language.text import Text
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, hourly_counts, sims
from gatewayd.store.tables.hourly_counts import Counts, MonthCounts, MonthOf

COLUMNS: Final = {
    "messages": Text("Messages billed"),
    "delivered": Text("Delivered"),
    "undelivered": Text("Not delivered"),
    "unbilled": Text("Failed, not billed"),
    "cancelled": Text("Cancelled, not billed"),
    "parts": Text("Parts"),
    "cost": Text("Cost"),
}
"""The figures of a line, with their titles."""

# A spreadsheet takes a cell that begins with one of these for a formula, also from a CSV file.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

_MARK: Final = "\ufeff"  # without it, Excel reads UTF-8 as the old character set of the country


@dataclass(frozen=True, slots=True)
class Line:
    """The figures of one SIM or one campaign. `id` None: messages without one."""

    id: int | None
    name: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Statement:
    """The messages of a company in a month. `months`: those that have figures, newest first."""

    company_id: int
    company: str
    month: str  # YYYY-MM
    months: tuple[str, ...]
    total: Counts
    sims: tuple[Line, ...]
    campaigns: tuple[Line, ...]


def read(db: Transaction, company_id: int, month: str, month_of: MonthOf, today: str) -> Statement | None:
    """The statement of a company; None where there is no such company. `today`: YYYY-MM-DD, in the time zone of the box."""
    name = next((row.name for row in accounts.companies(db, "") if row.id == company_id), None)
    if name is None:
        return None
    rows = hourly_counts.of_month(db, company_id, month, month_of)
    names = {sim.id: sim.shown_name for sim in sims.shown(db, today)}
    return Statement(
        company_id,
        name,
        month,
        tuple(hourly_counts.months(db, company_id, month_of)),
        _sum(rows),
        tuple(
            Line(sim_id or None, names.get(sim_id or 0, ""), counts)
            for sim_id, counts in _by(rows, lambda row: row.sim_id)
            if _is_shown_by_sim(counts)
        ),
        tuple(
            Line(campaign_id, "", counts) for campaign_id, counts in _by(rows, lambda row: row.campaign_id)
        ),
    )


def figures(counts: Counts) -> dict[str, Any]:
    """The figures of COLUMNS, and the messages that were accepted."""
    return {
        "accepted": counts.accepted,
        "messages": counts.sent + counts.partly,
        "delivered": counts.delivered,
        "undelivered": counts.undelivered,
        "unbilled": counts.unbilled,
        "cancelled": counts.cancelled,
        "parts": counts.parts,
        "cost": counts.cost,
    }


def as_document(statement: Statement) -> dict[str, Any]:
    """The statement as `gatewayd company statement --json` prints it."""
    return {
        "company": statement.company_id,
        "name": statement.company,
        "month": statement.month,
        "months": list(statement.months),
        "total": figures(statement.total),
        "sims": [{"sim": each.id, "name": each.name, **figures(each.counts)} for each in statement.sims],
        "campaigns": [{"campaign": each.id, **figures(each.counts)} for each in statement.campaigns],
    }


def as_csv(document: Mapping[str, Any], language: str) -> str:
    """The document of a statement as CSV (RFC 4180), as Excel of the language reads it: in French with semicolons and a decimal comma.

    A name that a spreadsheet would run as a formula gets an apostrophe before it.
    """

    def say(text: str) -> str:
        return sentence(text, language)

    written = io.StringIO()
    rows = csv.writer(written, delimiter=";" if language == "fr" else ",", lineterminator="\r\n")
    rows.writerow(
        map(
            say, (Text("Company"), Text("Month"), Text("By"), Text("Number"), Text("Name"), *COLUMNS.values())
        )
    )
    lines = [
        (Text("Total"), "", "", document["total"]),
        *((Text("SIM"), each["sim"], each["name"], each) for each in document["sims"]),
        *((Text("Campaign"), each["campaign"], "", each) for each in document["campaigns"]),
    ]
    for by, number, name, values in lines:
        shown = [_decimal(values[column], language) for column in COLUMNS]
        about = [_harmless(document["name"]), document["month"], say(by), number or "", _harmless(name)]
        rows.writerow([*about, *shown])
    return _MARK + written.getvalue()


def _harmless(name: str) -> str:
    return f"'{name}" if name.startswith(_FORMULA) else name


def _decimal(value: float, language: str) -> str:
    text = f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return text.replace(".", ",") if language == "fr" else text


def _is_shown_by_sim(counts: Counts) -> bool:
    """Messages are accepted before a SIM is chosen, so a line with nothing else says nothing."""
    return counts != Counts(accepted=counts.accepted)


def _sum(rows: Iterable[MonthCounts]) -> Counts:
    return sum((row.counts for row in rows), Counts())


def _by(
    rows: Iterable[MonthCounts], key: Callable[[MonthCounts], int | None]
) -> list[tuple[int | None, Counts]]:
    """The sums of rows with the same key; those with the highest cost first, and those without a key last."""
    found: dict[int | None, Counts] = {}
    for row in rows:
        found[key(row)] = found.get(key(row), Counts()) + row.counts
    return sorted(found.items(), key=lambda each: (not each[0], -each[1].cost, -each[1].sent, each[0] or 0))
