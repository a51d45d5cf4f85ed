"""The outcomes of a journal, read and checked before anything is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gatewayd.fleet.queue.names import Outcome
from gatewayd.fleet.queue.parts_known import fleet_token

STATES: Final = ("submitted", "in_doubt", "queued", "failed", "delivered")

SENT: Final = ("submitted", "delivered")
"""The states that say that a SIM sent the part."""


@dataclass(frozen=True, slots=True)
class PartNews:
    """The new state of a part. `epoch` None: it says nothing about the row of its message."""

    message_id: int
    seq: int
    state: str
    sim_id: int
    at: int
    epoch: int | None = None
    token: int = 0
    port: int | None = None
    reference: int | None = None
    attempts: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    service_centre_at: int | None = None

    @property
    def sent_at(self) -> int:
        """When the network took it, if it did."""
        return self.at if self.ended_at is None else self.ended_at


@dataclass(frozen=True, slots=True)
class AttemptNews:
    """A submission that was refused or left in doubt: a row of `refusals`."""

    message_id: int
    seq: int
    token: int
    sim_id: int
    cause: str
    at: int
    port: int | None
    outcome: str
    reason: str
    reason_fr: str


@dataclass(frozen=True, slots=True)
class FailureNews:
    """A message failed at its box."""

    message_id: int
    epoch: int | None
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class ReportNews:
    """A status report that fits no part of its box."""

    iccid: str
    reference: int
    recipient: str
    service_centre_at: int | None
    status: int
    at: int


@dataclass(frozen=True, slots=True)
class TextNews:
    """A text that came in."""

    sim_id: int
    sender: str
    text: str
    sent_at: int | None
    received_at: int
    incomplete: bool
    kind: str
    encoding: str | None
    port_number: int | None
    amends: bool


News = PartNews | AttemptNews | FailureNews | ReportNews | TextNews


def read(outcome: Outcome, box_number: int) -> News:
    """An outcome as what it tells. Raises ValueError where it cannot be read."""
    try:
        return _read(outcome, box_number)
    except (KeyError, TypeError) as error:
        raise ValueError(f"an outcome of the kind {outcome.kind} lacks {error}") from error


def _read(outcome: Outcome, box_number: int) -> News:
    found = outcome.document
    match outcome.kind:
        case "part":
            state = found["state"]
            if state not in STATES:
                raise ValueError("an outcome has an unknown state")
            return PartNews(
                _whole(outcome.message_id),
                _whole(outcome.seq),
                state,
                _whole(found["sim_id"]),
                outcome.at,
                outcome.epoch,
                fleet_token(_whole(found["token"]), box_number),
                _whole_or_none(found, "port"),
                _whole_or_none(found, "reference"),
                _whole(found["attempts"]),
                _whole_or_none(found, "started_at"),
                _whole_or_none(found, "ended_at"),
                _whole_or_none(found, "service_centre_at"),
            )
        case "attempt":
            return AttemptNews(
                _whole(outcome.message_id),
                _whole(outcome.seq),
                fleet_token(_whole(found["token"]), box_number),
                _whole(found["sim_id"]),
                str(found["cause"]),
                _whole(found["refused_at"]),
                _whole_or_none(found, "port"),
                str(found["outcome"]),
                str(found["reason"]),
                str(found["reason_fr"]),
            )
        case "failed":
            return FailureNews(_whole(outcome.message_id), outcome.epoch, str(found["reason"]), outcome.at)
        case "report":
            return ReportNews(
                str(found["iccid"]),
                _whole(found["reference"]),
                str(found["recipient"]),
                _whole_or_none(found, "service_centre_at"),
                _whole(found["status"]),
                outcome.at,
            )
        case "text":
            return TextNews(
                _whole(found["sim_id"]),
                str(found["sender"]),
                str(found["text"]),
                _whole_or_none(found, "sent_at"),
                _whole(found["received_at"]),
                bool(found["incomplete"]),
                str(found["kind"]),
                found["encoding"],
                _whole_or_none(found, "port_number"),
                bool(found.get("amends")),
            )
    raise ValueError(f"an outcome has the unknown kind {outcome.kind}")


def _whole(value: Any) -> int:
    if isinstance(value, int):
        return value
    raise TypeError("a whole number")


def _whole_or_none(found: Mapping[str, Any], name: str) -> int | None:
    value = found.get(name)
    return None if value is None else _whole(value)
