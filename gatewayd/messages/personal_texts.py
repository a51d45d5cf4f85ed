"""A text and a list of recipients become one message for each recipient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.language.text import Text
from gatewayd.messages import recipient_list
from gatewayd.messages.blank_text import is_blank
from gatewayd.messages.recipient_list import RecipientList, RecipientListError, Row
from gatewayd.records import LONGEST_TEXT, Draft


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that gets no message. `number`: as it was written."""

    line: int
    number: str
    reason: Text


@dataclass(frozen=True, slots=True)
class PersonalTexts:
    """The messages in the order of the list, the rows that cannot get one, and those whose number came before."""

    drafts: tuple[Draft, ...]
    faults: tuple[LeftOut, ...]
    duplicates: tuple[LeftOut, ...]


def personal_texts(
    recipients: RecipientList, text: str, reference: str | None, e164: Callable[[str], str]
) -> PersonalTexts:
    """One message for each recipient, with the names in braces replaced by the cells of its row.

    `e164`: the number as it is stored; raises ValueError where this box does not send to it.

    Raises RecipientListError: the text has a name in braces that is no column of the table.
    """
    if recipients.columns:
        _check_names(recipients, text)
    drafts: list[Draft] = []
    faults: list[LeftOut] = []
    duplicates: list[LeftOut] = []
    first_lines: dict[str, int] = {}
    for row in recipients.rows:
        try:
            number = e164(row.number)
        except ValueError:
            faults.append(LeftOut(row.line, row.number, _wrong_number(row.number)))
            continue
        if number in first_lines:
            same = Text("the same number as in line {line}", line=first_lines[number])
            duplicates.append(LeftOut(row.line, row.number, same))
            continue
        filled = recipient_list.filled(text, row.values)
        fault = _fault_of(filled)
        if fault is not None:
            faults.append(LeftOut(row.line, row.number, fault))
            continue
        first_lines[number] = row.line
        drafts.append(Draft(number, filled, reference))
    return PersonalTexts(tuple(drafts), tuple(faults), tuple(duplicates))


def first_text(row: Row | None, text: str) -> str:
    """The text as the first recipient gets it."""
    return text if row is None else recipient_list.filled(text, row.values)


def _check_names(recipients: RecipientList, text: str) -> None:
    known = {recipient_list.column_key(name) for name in recipients.columns}
    for name in recipient_list.names_in(text):
        if recipient_list.column_key(name) not in known:
            raise RecipientListError(
                Text(
                    "the text has {name}, but the list has no such column: it has {columns}",
                    name="{" + name + "}",
                    columns=", ".join(recipients.columns),
                )
            )


def _wrong_number(number: str) -> Text:
    if recipient_list.written_by_spreadsheet(number):
        return Text("the spreadsheet rounded this number: format its column as text, and enter it again")
    if not number:
        return Text("the number is missing")
    return Text("this is no mobile number that this box sends to")


def _fault_of(text: str) -> Text | None:
    if is_blank(text):
        return Text("its text would be empty")
    if len(text) > LONGEST_TEXT:
        return Text("its text would have more than {most} characters", most=LONGEST_TEXT)
    return None
