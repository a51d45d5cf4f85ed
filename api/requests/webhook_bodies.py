"""Models of the bodies that manage webhooks. The gateway checks URLs, types and texts themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from api.requests.models import Body, parsed_body
from api.requests.query_params import point_in_time
from gatewayd.records import EventType
from gatewayd.webhooks.drafts import WebhookDraft
from gatewayd.webhooks.service import ReplayRequest
from gatewayd.webhooks.targets import LONGEST_URL

_MOST_TYPES = 100


def _time(text: str) -> str:
    try:
        point_in_time(text)
    except ValueError as error:
        raise PydanticCustomError("time", "{sentence}", {"sentence": str(error)}) from error
    return text


_Url = Annotated[str, Field(max_length=LONGEST_URL)]
# The gateway judges the types: the enumeration is for the document alone.
_Types = Annotated[
    list[str],
    Field(
        max_length=_MOST_TYPES,
        json_schema_extra={"items": {"type": "string", "enum": [each.value for each in EventType]}},
    ),
]
_Time = Annotated[str, AfterValidator(_time), Field(json_schema_extra={"format": "date-time"})]


class WebhookBody(Body):
    """A webhook to be made."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    url: _Url
    """`http` or `https`, without user name and password."""
    types: _Types | None = None
    """The types of events that it gets; null: all."""
    description: str | None = None
    """At most 200 characters, for people."""
    scope: Literal["company", "box"] | None = None
    """`box`: the events of the box, for administration keys; by default those of the company."""


class WebhookChangeBody(Body):
    """Changes of a webhook. What is missing stays."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    url: _Url | None = None
    """`http` or `https`, without user name and password."""
    types: _Types | None = None
    """null: all."""
    description: str | None = None
    """At most 200 characters, for people."""
    state: Literal["ok", "disabled"] | None = None
    """`disabled` stops it; `ok` lets it go on with what it missed."""


class RotationBody(Body):
    """A change of the secret."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    revoke: bool | None = None
    """End the old secret at once."""


class ReplayBody(Body):
    """A choice of events to be sent again."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    since: _Time | None = None
    """Events at this time or later."""
    until: _Time | None = None
    """Events before this time."""
    event_id: str | None = None
    """One event."""
    only: Literal["missing", "all"] | None = None
    """By default `all` with `event_id`, else `missing`: events whose attempts have all failed."""


def webhook_draft(raw: bytes) -> WebhookDraft:
    """Parse the body that makes a webhook. Raises InvalidRequestError."""
    parsed = parsed_body(WebhookBody, raw)
    return WebhookDraft(parsed.url, parsed.types, parsed.description or "", parsed.scope == "box")


def webhook_changes(raw: bytes) -> dict[str, Any]:
    """Parse the body that changes a webhook. Null counts as absent, but for `types`. Raises InvalidRequestError."""
    parsed = parsed_body(WebhookChangeBody, raw)
    given = {name: getattr(parsed, name) for name in parsed.model_fields_set}
    return {name: value for name, value in given.items() if value is not None or name == "types"}


def rotation_revokes(raw: bytes) -> bool:
    """Parse the body of a rotation, which may be empty. Raises InvalidRequestError."""
    return bool(parsed_body(RotationBody, raw, may_be_empty=True).revoke)


def replay_request(raw: bytes) -> ReplayRequest:
    """Parse the body of a replay, which may be empty. Raises InvalidRequestError."""
    parsed = parsed_body(ReplayBody, raw, may_be_empty=True)
    return ReplayRequest(
        since=None if parsed.since is None else point_in_time(parsed.since),
        until=None if parsed.until is None else point_in_time(parsed.until),
        event_id=parsed.event_id or None,
        only=parsed.only,
    )
