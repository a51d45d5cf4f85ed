"""The form of a new message: its fields become the arguments of the commands `message.plan` and `message.send_many`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from api.dashboard.message_words import PRIORITIES
from api.dashboard.search_form import moment_of, whole_number
from api.requests.models import LONGEST_REFERENCE
from config.language.text import Text
from gatewayd.messages import recipient_list
from gatewayd.sending.intake import KEYS_KEPT
from gatewayd.timekeeping.clock import SECOND

# A browser tells minutes only, and a person takes a while to press the button.
_LATE = 600 * SECOND

# The gateway keeps keys for a day.
_KEY_LIFE = KEYS_KEPT // 2


@dataclass(frozen=True, slots=True)
class ComposeForm:
    """The fields as they were typed. `key`: of the confirmation, so that its repetition sends nothing twice."""

    recipients: str = ""
    text: str = ""
    company: str = ""
    sim: str = ""
    priority: str = "normal"
    campaign: str = ""
    reference: str = ""
    send_at: str = ""
    transactional: bool = False
    key: str = ""

    @property
    def has_options(self) -> bool:
        """Whether a field has a value that the page shows on demand."""
        rare = (self.sim, self.campaign, self.reference, self.send_at, self.transactional)
        return any(rare) or self.priority != "normal"


def posted(form: Mapping[str, str], file: bytes, company: int | None) -> ComposeForm:
    """The form that a browser sent. `file`: an uploaded list; `company`: the only one for which the person may send."""
    # Browsers send CR LF (HTML, 4.10.22); a text has LF, which is one character.
    return ComposeForm(
        recipients=recipient_list.decoded(file) if file else form.get("recipients", ""),
        text=_lines(form.get("text", "")),
        company=form.get("company", "") if company is None else str(company),
        sim=form.get("sim", ""),
        priority=form.get("priority", "normal"),
        campaign=form.get("campaign", "").strip(),
        reference=form.get("reference", "").strip(),
        send_at=form.get("send_at", ""),
        # Only those who answer for the box may write to a person who has opted out.
        transactional=company is None and form.get("transactional") == "1",
        key=form.get("key", ""),
    )


def again(message: Mapping[str, Any]) -> ComposeForm:
    """The form that sends a message again, as a new one. `message`: as the command `message.show` gives it."""
    return ComposeForm(
        recipients=message["recipient"],
        text=message["message"],
        company=str(message["company"] or ""),
        sim=str(message["sim"]) if message["pinned"] and message["sim"] else "",
        priority=message["priority"],
        reference=message["reference"] or "",
    )


def with_key(form: ComposeForm, now: int) -> ComposeForm:
    """The form with a key for its confirmation. `now`: microseconds since the epoch."""
    return form if form.key else replace(form, key=f"{now}-{secrets.token_hex(16)}")


def is_fresh(key: str, now: int) -> bool:
    """Whether the key of a confirmation is so young that the gateway still knows it: a repetition then sends nothing twice."""
    made = whole_number(key.partition("-")[0])
    return made is not None and now - _KEY_LIFE < made <= now + _KEY_LIFE


def arguments(form: ComposeForm, zone: ZoneInfo, now: int) -> tuple[dict[str, object], dict[str, Text]]:
    """The arguments for the commands, and the faults by field. `now`: microseconds since the epoch."""
    readers: dict[str, Callable[[], object]] = {
        "recipients": lambda: _needed(form.recipients, Text("Write at least one number.")),
        "text": lambda: _needed(form.text, Text("Write a text.")),
        "company": lambda: _number(form.company, least=0),
        "sim": lambda: _number(form.sim, least=0),
        "campaign": lambda: _number(form.campaign, least=-(2**63)),
        "priority": lambda: _priority(form.priority),
        "reference": lambda: _reference(form.reference),
        "send_at": lambda: _send_at(form.send_at, zone, now),
    }
    found: dict[str, object] = {"transactional": form.transactional}
    faults: dict[str, Text] = {}
    for name, read in readers.items():
        try:
            value = read()
        except _FieldError as error:
            faults[name] = error.text
        else:
            if value is not None:
                found[name] = value
    return found, faults


class _FieldError(ValueError):
    """A field that cannot be read. `text`: how to correct it."""

    def __init__(self, text: Text) -> None:
        super().__init__(text)
        self.text = text


def _needed(written: str, fault: Text) -> str:
    if not written.strip():
        raise _FieldError(fault)
    return written


def _number(written: str, least: int) -> int | None:
    if not written:
        return None
    value = whole_number(written)
    if value is None or value < least:
        raise _FieldError(Text("This must be a whole number."))
    return value


def _priority(written: str) -> str:
    if written not in PRIORITIES:
        raise _FieldError(Text("Choose one of the priorities."))
    return written


def _reference(written: str) -> str | None:
    if len(written) > LONGEST_REFERENCE:
        raise _FieldError(Text("The reference has at most {most} characters.", most=LONGEST_REFERENCE))
    return written or None


def _send_at(written: str, zone: ZoneInfo, now: int) -> int | None:
    if not written:
        return None
    moment = moment_of(written, zone)
    if moment is None:
        raise _FieldError(Text("Write a date and a time."))
    if moment < now - _LATE:
        raise _FieldError(Text("This time is in the past."))
    return moment


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
