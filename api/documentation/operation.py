"""The description of an endpoint for the OpenAPI document. It stands beside the endpoint's view, in `api/endpoints/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from api.responses.json_format import MIME
from gatewayd.errors import GatewayError

_View = TypeVar("_View", bound=Callable[..., Any])
_ATTRIBUTE = "openapi_operation"


class Access(Enum):
    """The key that an endpoint needs."""

    NONE = "none"
    KEY = "key"
    ADMIN = "admin"


class Tag(Enum):
    """The groups of the document, with their titles."""

    SENDING = "Sending"
    MESSAGES = "Messages"
    CAMPAIGNS = "Campaigns and opt-outs"
    INBOX = "Received texts"
    EVENTS = "Events"
    WEBHOOKS = "Webhooks"
    SIMS = "SIMs and quota"
    BOX = "The box"
    DOCUMENTATION = "Documentation"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the path, the query or the headers."""

    name: str
    place: Literal["path", "query", "header"]
    description: str
    schema: Mapping[str, Any]
    example: str | int | bool | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of an endpoint: its shape, or its MIME type where it is no JSON. Each example is a whole body."""

    description: str
    shape: type[BaseModel] | None = None
    examples: Mapping[str, object] = field(default_factory=dict)
    mime: str = MIME
    headers: Mapping[str, str] = field(default_factory=dict)  # name → description
    # The operationId of an operation for what the answer names → its parameters, as runtime expressions of OpenAPI.
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request: the model that validates it. `examples`: bodies that are answered 200."""

    model: type[BaseModel]
    examples: Mapping[str, Mapping[str, Any]]
    required: bool = True
    parts: tuple[
        type[BaseModel], ...
    ] = ()  # models that its schema refers to, and that validate a part of it alone


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    The errors that `access`, `body` and query parameters bring are added to `errors`. `answers` may also have errors:
    those whose body is more than the envelope.
    """

    tag: Tag
    summary: str
    answers: Mapping[int, Answer]
    description: str = ""
    access: Access = Access.KEY
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    errors: tuple[type[GatewayError], ...] = ()


def described(operation: Operation) -> Callable[[_View], _View]:
    """Give a view its description. Stands below the route's decorator."""

    def add(view: _View) -> _View:
        setattr(view, _ATTRIBUTE, operation)
        return view

    return add


def description_of(view: Callable[..., Any]) -> Operation | None:
    """The description of a view; None if it has none."""
    found = getattr(view, _ATTRIBUTE, None)
    return found if isinstance(found, Operation) else None
