"""The preview of a text while it is typed: its parts, its cost, its SIM, and what makes it dearer."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.dashboard.compose_form import ComposeForm
from config.language.text import Text
from gatewayd.admin.refusals import explained
from gatewayd.messages import recipient_list
from gatewayd.messages.blank_text import is_blank
from gatewayd.messages.personal_texts import first_text
from gatewayd.messages.recipient_list import RecipientList, RecipientListError
from gatewayd.records import LONGEST_TEXT, Caller, Draft, Options, Priority
from gatewayd.sending.preview import Preview
from gatewayd.sims.numbering import without_separators

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


@dataclass(frozen=True, slots=True)
class ShownPreview:
    """The preview that the page shows. `text`: as the first recipient gets it; `unknown`: names in braces that no column has."""

    recipients: int
    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    text: str
    found: Preview | None  # None: there is no text that can be sent yet
    refusal: str | None
    fault: str | None  # why the list, or the text, cannot be sent


def shown_preview(gateway: Gateway, form: ComposeForm, arguments: Mapping[str, object]) -> ShownPreview:
    """The preview of a form. `arguments`: those of its fields that can be read."""
    fault: str | None = None
    listed = RecipientList((), ())
    try:
        listed = recipient_list.parsed(form.recipients)
    except RecipientListError as error:
        fault = error.text
    first = listed.rows[0] if listed.rows else None
    known = {recipient_list.column_key(name) for name in listed.columns}
    unknown = tuple(
        name for name in recipient_list.names_in(form.text) if recipient_list.column_key(name) not in known
    )
    text = first_text(first, form.text)
    found: Preview | None = None
    if len(text) > LONGEST_TEXT:
        fault = Text(
            "The text has {count} characters; at most {most} can be sent.", count=len(text), most=LONGEST_TEXT
        )
    elif not is_blank(text):
        number = ""
        with suppress(ValueError):  # the number is not complete yet: the preview is that of any recipient
            number = gateway.e164(without_separators(first.number)) if first is not None else ""
        found = gateway.preview(_caller(arguments), Draft(number, text), _options(arguments))
    refused = None if found is None or found.refusal is None else explained(found.refusal)
    return ShownPreview(len(listed.rows), listed.columns, unknown, text, found, refused, fault)


def _caller(arguments: Mapping[str, object]) -> Caller:
    company = arguments.get("company")
    return Caller(0, company if isinstance(company, int) else 0, admin=True)


def _options(arguments: Mapping[str, object]) -> Options:
    sim, priority = arguments.get("sim"), str(arguments.get("priority", "normal"))
    return Options(sim_id=sim if isinstance(sim, int) else None, priority=Priority[priority.upper()])
