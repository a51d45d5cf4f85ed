"""The audit log: every change that a person makes through the dashboard or the command line is noted before it begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from gatewayd.admin.context import Context
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.tables import audit_log

DONE = "done"

# Arguments that never enter the log: secrets, the texts of messages, and USSD codes, which contain PINs of mobile money.
_SECRET = frozenset(
    {"password", "pin", "secret", "text", "message", "recipients", "token", "replies", "codes", "renew_code"}
)
_LONGEST_DETAILS = 1000


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who makes a change. `person_id` None: the command line."""

    person_id: int | None
    login: str


COMMAND_LINE = Actor(None, "gatewayd")
"""The actor of changes by the command line: the name of the program."""


def begin(context: Context, actor: Actor, action: str, arguments: Mapping[str, object]) -> int:
    """Note that a change begins; the id of its entry. Raises StoreUnavailableError."""
    now, details = context.moment().now, _details(arguments)

    def add(db: Transaction) -> int:
        return audit_log.add(db, now, actor.person_id, actor.login, action, details)

    return context.store.write(add)


def end(context: Context, entry: int, outcome: str) -> None:
    """Note how a change ended: DONE, or why it was refused."""
    try:
        context.store.write(lambda db: audit_log.end(db, entry, outcome))
    except StoreUnavailableError:
        return  # the change itself was told of its end; the entry says that its end is not known


def _details(arguments: Mapping[str, object]) -> str:
    """The arguments as JSON, without secrets, cut to a readable length."""
    return json.dumps(_without_secrets(arguments), ensure_ascii=False, default=str)[:_LONGEST_DETAILS]


def _without_secrets(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            key: "…" if key in _SECRET and each is not None else _without_secrets(each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(each) for each in value[:20]]
    return value
