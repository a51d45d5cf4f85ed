"""Conversations: the texts from a number and the messages to it.

`company_id`: of the company that reads them; None: the texts and messages of all companies, and of none. Sandbox messages
and texts are no part of a conversation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from gatewayd.records import NO_COMPANY, InboxRecord
from gatewayd.store.engine.connection import Connection, Row
from gatewayd.store.tables import former_numbers, inbound, messages
from gatewayd.store.tables.messages import ShownMessage
from gatewayd.store.tables.pagination import WINDOW

R = TypeVar("R")

MOST_UNREAD = 100
"""Unread texts are counted up to this number."""

MOST_SEARCHED = 20_000
"""Ids that one search reads: some ten milliseconds on a small board."""

# Behind all ids.
_LAST = 2**63 - 1

# Texts that are marked in one transaction.
_MARKED_AT_A_TIME = 1_000


@dataclass(frozen=True, slots=True)
class ReceivedText:
    """A received text, with the company that it belongs to."""

    record: InboxRecord
    company_id: int | None  # None: of none


@dataclass(frozen=True, slots=True)
class Correspondent:
    """A number or name that sent texts, with the newest one."""

    newest: ReceivedText
    unread: int  # at most MOST_UNREAD
    reply: ShownMessage | None  # the newest message to the number, where it is newer than the text


@dataclass(frozen=True, slots=True)
class Part(Generic[R]):
    """Some rows of a list, newest first, and the id below which the list continues; None: it ends here."""

    rows: list[R]
    before_id: int | None


def _owner(text: str, sim: str) -> str:
    """SQL for the company of a text: the one that owned the SIM then; else the SIM's present one."""
    return f"coalesce({text}.company_id, {sim}.company_id)"


def _scope(text: str, sim: str) -> str:
    """SQL for the texts that the reader may see."""
    return f"{text}.sandbox = 0 AND ({_owner(text, sim)} = :company OR :company IS NULL)"


_TEXT = f"""
    SELECT i.id, i.sender, i.text, i.received_at, i.sent_at,
           coalesce({former_numbers.of_text("i.sim_id", "i.id")}, s.number, s.card_number, ''),
           i.sim_id, i.incomplete, i.kind, i.encoding, i.port_number, i.read, {_owner("i", "s")}
    FROM inbox i LEFT JOIN sims s ON s.id = i.sim_id
    WHERE {_scope("i", "s")}
"""

# CASE makes SQLite check the scope of a text before it looks for a newer one. In the other order, a company without texts
# would have it read all texts of a number for each text of that number.
_NEWEST_OF_EACH = f"""{_TEXT}
    AND i.id >= :first AND i.id < :end
    AND CASE WHEN {_scope("i", "s")} THEN NOT EXISTS (
        SELECT 1 FROM inbox j LEFT JOIN sims t ON t.id = j.sim_id
        WHERE j.sender = i.sender AND j.id > i.id AND {_scope("j", "t")}) END
    ORDER BY i.id DESC LIMIT :limit
"""

_FOUND = f"""{_TEXT}
    AND i.id >= :first AND i.id < :end AND (i.text LIKE :words ESCAPE '\\' OR i.sender LIKE :words ESCAPE '\\')
    ORDER BY i.id DESC LIMIT :limit
"""

_OF_NUMBER = f"{_TEXT} AND i.sender = :number AND i.id < :before ORDER BY i.id DESC LIMIT :limit"

_MESSAGES = (
    "SELECT m.id FROM messages m INDEXED BY messages_recipient"
    " WHERE m.recipient = :number AND m.id < :before AND m.sandbox = 0"
    f" AND m.company_id <> {NO_COMPANY} AND (m.company_id = :company OR :company IS NULL)"
    " ORDER BY m.id DESC LIMIT :limit"
)

_UNREAD = f"""
    SELECT i.id FROM inbox i LEFT JOIN sims s ON s.id = i.sim_id
    WHERE i.sender = :number AND i.read = 0 AND i.id <= :until AND {_scope("i", "s")} LIMIT :limit
"""


def correspondents(
    db: Connection, company_id: int | None, before_id: int | None, limit: int
) -> Part[Correspondent]:
    """The numbers that sent texts, the newest text first. At most MOST_SEARCHED texts are read."""
    part = _windows(db, _NEWEST_OF_EACH, {"company": company_id}, before_id, limit)
    return Part([_correspondent(db, company_id, text) for text in part.rows], part.before_id)


def search(
    db: Connection, company_id: int | None, words: str, before_id: int | None, limit: int
) -> Part[ReceivedText]:
    """Texts that contain words, or whose sender does, newest first. At most MOST_SEARCHED texts are read."""
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return _windows(db, _FOUND, {"company": company_id, "words": f"%{escaped}%"}, before_id, limit)


def texts(
    db: Connection, company_id: int | None, number: str, before_id: int | None, limit: int
) -> list[ReceivedText]:
    """Texts from a number, newest first."""
    values = {
        "company": company_id,
        "number": number,
        "before": _LAST if before_id is None else before_id,
        "limit": limit,
    }
    return [_text(row) for row in db.execute(_OF_NUMBER, values)]


def messages_to(
    db: Connection, company_id: int | None, number: str, before_id: int | None, limit: int
) -> list[ShownMessage]:
    """Messages to a number, newest first."""
    values = {
        "company": company_id,
        "number": number,
        "before": _LAST if before_id is None else before_id,
        "limit": limit,
    }
    ids = [row[0] for row in db.execute(_MESSAGES, values)]
    shown = messages.shown_by_ids(db, ids)
    return [shown[each] for each in ids]


def unread(db: Connection, company_id: int | None, number: str) -> int:
    """The unread texts from a number, counted up to MOST_UNREAD."""
    return len(_unread(db, company_id, number, _LAST, MOST_UNREAD))


def mark_some_read(db: Connection, company_id: int | None, number: str, until: int) -> bool:
    """Mark texts from a number as read, up to the one with the id `until`, some at a time. True: there may be more."""
    found = _unread(db, company_id, number, until, _MARKED_AT_A_TIME)
    for text_id in found:
        inbound.mark_read(db, text_id, read=True)
    return len(found) == _MARKED_AT_A_TIME


def newest_text(db: Connection, company_id: int | None, number: str) -> ReceivedText | None:
    """The newest text from a number; None: there is none."""
    return next(iter(texts(db, company_id, number, None, 1)), None)


def _correspondent(db: Connection, company_id: int | None, text: ReceivedText) -> Correspondent:
    newest = messages_to(db, company_id, text.record.sender, None, 1)
    later = [one for one in newest if one.record.created_at > text.record.received_at]
    return Correspondent(text, unread(db, company_id, text.record.sender), later[0] if later else None)


def _unread(db: Connection, company_id: int | None, number: str, until: int, limit: int) -> list[int]:
    values = {"company": company_id, "number": number, "until": until, "limit": limit}
    return [row[0] for row in db.execute(_UNREAD, values)]


def _windows(
    db: Connection, statement: str, values: dict[str, object], before_id: int | None, limit: int
) -> Part[ReceivedText]:
    """Texts that a statement selects, read in windows of ids, until there are enough or MOST_SEARCHED ids were read."""
    row = db.execute("SELECT (SELECT min(id) FROM inbox), (SELECT max(id) FROM inbox)").fetchone()
    if row[0] is None:
        return Part([], None)
    lowest, end = row[0], row[1] + 1
    if before_id is not None:
        end = min(before_id, end)
    stop, found = end - MOST_SEARCHED, list[ReceivedText]()
    while end > max(lowest, stop):
        first = max(lowest, end - WINDOW)
        bounds = {**values, "first": first, "end": end, "limit": limit - len(found)}
        found += [_text(each) for each in db.execute(statement, bounds)]
        if len(found) == limit:
            last = found[-1].record.id
            return Part(found, last if last > lowest else None)
        end = first
    return Part(found, end if end > lowest else None)


def _text(row: Row) -> ReceivedText:
    return ReceivedText(inbound.record_of(tuple(row)[:-1]), row[-1])
