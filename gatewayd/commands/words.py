"""Words of the JSON documents that people read in their language: names of values, and labels of records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from config.language.text import Text

WORDS: Final[Mapping[str, Text]] = {
    # messages, and their attempts
    "pending": Text("pending"),
    "sent": Text("sent"),
    "delivered": Text("delivered"),
    "failed": Text("failed"),
    "cancelled": Text("cancelled"),
    "in_doubt": Text("in doubt"),
    "retried": Text("sent again"),
    "otp": Text("OTP"),
    "normal": Text("normal"),
    "bulk": Text("bulk"),
    # ports
    "up": Text("up"),
    "absent": Text("absent"),
    "starting": Text("starting"),
    "sick": Text("sick"),
    "stopped": Text("stopped"),
    # SIMs
    "ready": Text("ready"),
    "roaming": Text("roaming"),
    "weak_signal": Text("weak signal"),
    "no_sim": Text("no SIM"),
    "no_network": Text("no network"),
    "unreachable": Text("unreachable"),
    "unknown": Text("unknown"),
    "denied": Text("denied"),
    "emergency": Text("emergency calls only"),
    "not_searching": Text("not searching"),
    "searching": Text("searching"),
    "pin_required": Text("PIN required"),
    "puk_required": Text("PUK required"),
    # loop tests
    "arrived": Text("arrived"),
    "not_arrived": Text("not arrived"),
    "running": Text("running"),
    "not_sent": Text("not sent"),
    # webhooks
    "ok": Text("ok"),
    "failing": Text("failing"),
    "paused": Text("paused"),
    "disabled": Text("disabled"),
    # checks
    "warning": Text("warning"),
    "fault": Text("fault"),
    # opt-outs
    "all": Text("all"),
    "text": Text("text"),
    "data": Text("data"),
}
"""Names of states, in words."""

WORDED: Final = frozenset(
    {"status", "priority", "state", "outcome", "opt_outs", "kind", "source", "ended_source", "scope"}
)
"""The fields whose values are names of states."""

LABELS: Final[Mapping[str, Text]] = {
    "active": Text("active"),
    "admin": Text("administration"),
    "answer": Text("answer"),
    "at": Text("at"),
    "attempts": Text("attempts"),
    "balance": Text("balance"),
    "balance_at": Text("balance read at"),
    "bundle_end": Text("end of the bundle"),
    "bundle_units": Text("texts in the bundle"),
    "bytes": Text("bytes"),
    "campaign": Text("campaign"),
    "campaign_id": Text("campaign"),
    "cancelled": Text("cancelled"),
    "code": Text("code"),
    "company": Text("company"),
    "complete": Text("complete"),
    "cost": Text("cost"),
    "created_at": Text("created at"),
    "daily_limit": Text("messages a day"),
    "daily_parts": Text("parts a day"),
    "daily_recipients": Text("recipients a day"),
    "default": Text("default"),
    "delivered": Text("delivered"),
    "delivered_at": Text("delivered at"),
    "description": Text("description"),
    "enabled": Text("enabled"),
    "ended_at": Text("ended at"),
    "ended_source": Text("ended by"),
    "ended_text": Text("text that ended it"),
    "error": Text("error"),
    "expires": Text("expires at"),
    "expires_at": Text("expires at"),
    "failed": Text("failed"),
    "failing_since": Text("failing since"),
    "failure_reason": Text("reason of the failure"),
    "file": Text("file"),
    "first_at": Text("first at"),
    "holder": Text("holder"),
    "iccid": Text("ICCID"),
    "id": Text("id"),
    "in_doubt": Text("in doubt"),
    "inbox_id": Text("id in the inbox"),
    "key": Text("key"),
    "last_at": Text("last at"),
    "learned_at": Text("learned at"),
    "loop_test": Text("loop test"),
    "meaning": Text("meaning"),
    "message": Text("message"),
    "messages_left": Text("messages left"),
    "monthly_limit": Text("messages a month"),
    "monthly_parts": Text("parts a month"),
    "monthly_recipients": Text("recipients a month"),
    "name": Text("name"),
    "number": Text("number"),
    "operator": Text("operator"),
    "opt_outs": Text("opt-outs block"),
    "opted_out_at": Text("opted out at"),
    "outcome": Text("outcome"),
    "part": Text("part"),
    "parts": Text("parts"),
    "parts_left": Text("parts left"),
    "pattern": Text("pattern"),
    "pending": Text("pending"),
    "port": Text("port"),
    "prefix": Text("begins with"),
    "priority": Text("priority"),
    "quota": Text("quota"),
    "reason": Text("reason"),
    "recipient": Text("recipient"),
    "recipients_left": Text("recipients left"),
    "reference": Text("reference"),
    "registered_on": Text("registered on"),
    "renew_code": Text("code for renewal"),
    "renewed_at": Text("renewed at"),
    "reset_hour": Text("counts from 0 at hour"),
    "rights": Text("rights"),
    "sandbox": Text("sandbox"),
    "scope": Text("scope"),
    "secret": Text("secret"),
    "send_at": Text("to be sent at"),
    "sent": Text("sent"),
    "sent_at": Text("sent at"),
    "service": Text("service"),
    "sim": Text("SIM"),
    "sim_number": Text("number of the SIM"),
    "slot": Text("slot"),
    "sms_id": Text("id"),
    "source": Text("source"),
    "state": Text("state"),
    "status": Text("status"),
    "suspected_blocked_since": Text("perhaps blocked since"),
    "text": Text("text"),
    "today_failed": Text("failed today"),
    "today_sent": Text("sent today"),
    "total": Text("total"),
    "types": Text("events"),
    "unreadable_since": Text("balance unreadable since"),
    "url": Text("URL"),
    "used_this_month": Text("used this month"),
    "window": Text("sending hours"),
}
"""The labels of records, and of columns."""


def word(name: str) -> str:
    """A state in words; other names with blanks."""
    return WORDS.get(name) or name.replace("_", " ")


def label(key: str) -> str:
    """The label of a field."""
    return LABELS.get(key) or key.replace("_", " ")
