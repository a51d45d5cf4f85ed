"""The life of a message as a time line: what happened, when, and through which SIM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.dashboard.message_words import in_one_language
from config.language.catalogue import DEFAULT
from config.language.text import Text


@dataclass(frozen=True, slots=True)
class Step:
    """One event. `at`: ISO 8601; None: not known, or still to come. `attempt`: with the SIM, the port and the code."""

    at: str | None
    text: Text
    tone: str
    detail: str | None = None
    attempt: Mapping[str, Any] | None = None


def time_line(message: Mapping[str, Any], language: str) -> list[Step]:
    """The events of a message, as the command `message.show` gives it, the oldest first."""
    steps = [*_begin(message), *_attempts(message, language), *_end(message, language)]
    return sorted(steps, key=lambda step: step.at or "9999")


def _begin(message: Mapping[str, Any]) -> Iterator[Step]:
    yield Step(message["created_at"], Text("Accepted by the box"), "off")
    if message["send_at"] is not None and message["send_at"] > message["created_at"]:
        yield Step(message["send_at"], Text("Scheduled for this time"), "off")


def _attempts(message: Mapping[str, Any], language: str) -> Iterator[Step]:
    several = message["parts"] > 1
    for attempt in message["attempts"]:
        part = {"part": attempt["part"], "parts": message["parts"]}
        meaning = attempt["meaning" if language == DEFAULT else "meaning_fr"]
        match attempt["outcome"]:
            case "sent":
                text = Text("Part {part} of {parts}: the network took it", **part)
                yield Step(
                    attempt["at"],
                    text if several else Text("Sent: the network took it"),
                    "work",
                    None,
                    attempt,
                )
            case "refused":
                text = Text("Part {part} of {parts}: refused", **part)
                yield Step(attempt["at"], text if several else Text("Refused"), "warn", meaning, attempt)
            case _:
                text = Text("Part {part} of {parts}: in doubt", **part)
                yield Step(attempt["at"], text if several else Text("In doubt"), "warn", meaning, attempt)


def _end(message: Mapping[str, Any], language: str) -> Iterator[Step]:
    reason = in_one_language(message["failure_reason"], language)
    if message["delivered_at"] is not None:
        yield Step(message["delivered_at"], Text("Delivered: the phone confirmed it"), "good")
    match message["status"]:
        case "failed":
            yield Step(message["failed_at"], Text("Failed"), "bad", reason)
        case "cancelled":
            yield Step(None, Text("Cancelled before a modem had it"), "off")
        case "pending" if message["in_doubt"]:
            yield Step(None, Text("Waits for a report, or for a person's decision"), "warn", reason)
        case "pending":
            yield Step(None, Text("Waits for its turn"), "work", reason)
        case "sent":
            yield Step(None, Text("Waits for the report of the phone"), "off")
