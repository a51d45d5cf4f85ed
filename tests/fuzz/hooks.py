"""What schemathesis must know of this API beyond its document. Each rule has its reason."""

from __future__ import annotations

import re
from typing import Any

import schemathesis

# The pattern of recipients in the document of this gateway.
_RECIPIENT = re.compile(r"(?:\+?223)?[67][0-9]{7}")
_DIGITS = 8  # of a number without its country code

_OPTED_OUT = "+22376000009"
_OTHER = "+22376000001"


def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Make valid requests valid for this gateway too."""
    _keep_numbers_in(case)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.query and case.query.get("wait"):
        case.query["wait"] = 1  # the run has no time to wait for events
    if not isinstance(case.body, dict):
        return
    body = _without_integral_floats(case.body)
    # A SIM, a slot and a port must exist, and no schema tells which do. Some ports do not: that is 404. `send_at` is within a year.
    for name in ("sim_number_id", "slot", "send_at"):
        if name in body:
            body[name] = None
    if isinstance(body.get("port"), int):
        body["port"] %= 6
    if case.operation.path.startswith(
        "/webhooks"
    ):  # texts that the gateway judges; the types depend on the scope
        body = {**body, "description": None, "event_id": None, "types": None}
        if isinstance(body.get("url"), str):
            body["url"] = "https://shop.example/sms-events"
    case.body = body


def _keep_numbers_in(case: Any) -> None:
    """Let one number opt out only, and send nothing to it: it gets no messages any more. Recipients that are wrong stay wrong."""
    body = case.body
    if not isinstance(body, dict):
        return
    opts_out = case.operation.path == "/sms/opt-outs"
    messages = body.get("messages")
    for each in (body, *(messages if isinstance(messages, list) else ())):
        recipient = each.get("recipient") if isinstance(each, dict) else None
        if not isinstance(recipient, str) or not _RECIPIENT.fullmatch(recipient):
            continue
        if opts_out:
            each["recipient"] = _OPTED_OUT
        elif recipient.endswith(_OPTED_OUT[-_DIGITS:]):
            each["recipient"] = _OTHER


def no_internal_error(context: Any, response: Any, case: Any) -> None:
    """No request ends in a fault of the gateway, whatever its endpoint may answer with 500."""
    if "json" in str(response.headers.get("content-type")):
        assert response.json().get("error") != "internal_error"


def _without_integral_floats(value: Any) -> Any:
    """JSON schema counts 1.0 as an integer; the contract does not: integers are JSON integers without a fraction."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _without_integral_floats(each) for key, each in value.items()}
        case list():
            return [_without_integral_floats(each) for each in value]
        case _:
            return value


schemathesis.hook(before_call)
schemathesis.check(no_internal_error)
