"""`gatewayd company statement`: the messages and the cost of a company in a month."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from config.language.text import Text
from gatewayd.accounts import statements
from gatewayd.admin.context import Context, Id
from gatewayd.errors import AdminError
from gatewayd.timekeeping.clock import month_of

Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
"""A month as YYYY-MM."""


def statement(context: Context, company: Id, month: Month | None = None) -> dict[str, Any]:
    """Return the statement of a company and a month; by default the present month."""
    today = context.moment().today

    def month_of_time(at: int) -> str:
        return month_of(context.calendar.day(at))

    with context.shared.lists.lend() as db:
        found = statements.read(db, company, month or month_of(today), month_of_time, today)
    if found is None:
        raise AdminError(Text("there is no company {company}", company=company))
    return statements.as_document(found)
