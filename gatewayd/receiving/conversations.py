"""One conversation in the order of time: the texts from a number and the messages to it."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.records import InboxRecord, MessageRecord
from gatewayd.store import Transaction
from gatewayd.store.tables import conversations
from gatewayd.store.tables.conversations import ReceivedText
from gatewayd.store.tables.messages import ShownMessage


@dataclass(frozen=True, slots=True)
class Line:
    """A received text, or a message; the other is None."""

    at: int  # when it came in or was accepted, in microseconds since the epoch
    company_id: int | None
    text: InboxRecord | None = None
    message: MessageRecord | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a conversation: below these ids. None: at its end."""

    text_id: int | None = None
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """Some lines of a conversation, oldest first, and the place of the lines before them; None: there are none."""

    lines: list[Line]
    earlier: Place | None


def read(db: Transaction, company_id: int | None, number: str, place: Place, limit: int) -> Talk:
    """The newest `limit` lines before a place. `company_id` None: of all companies."""
    texts = conversations.texts(db, company_id, number, place.text_id, limit + 1)
    sent = conversations.messages_to(db, company_id, number, place.message_id, limit + 1)
    return merged(texts, sent, place, limit)


def merged(texts: list[ReceivedText], sent: list[ShownMessage], place: Place, limit: int) -> Talk:
    """The newest `limit` of texts and messages, which are in the order of their ids, newest first."""
    lines, text, message = list[Line](), 0, 0
    while len(lines) < limit and (text < len(texts) or message < len(sent)):
        text_at = texts[text].record.received_at if text < len(texts) else None
        message_at = sent[message].record.created_at if message < len(sent) else None
        if message_at is None or (text_at is not None and text_at > message_at):
            one = texts[text]
            lines.append(Line(one.record.received_at, one.company_id, text=one.record))
            text += 1
        else:
            shown = sent[message]
            lines.append(Line(message_at, shown.company_id, message=shown.record))
            message += 1
    if text == len(texts) and message == len(sent):
        return Talk(lines[::-1], None)
    earlier = Place(
        texts[text - 1].record.id if text else place.text_id,
        sent[message - 1].id if message else place.message_id,
    )
    return Talk(lines[::-1], earlier)
