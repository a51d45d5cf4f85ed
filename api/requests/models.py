"""Models of the request bodies, and their conversion to the gateway's records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from api.requests.headers import idempotency_key
from api.requests.json_body import fingerprint, json_object
from api.requests.schema_marks import marked
from api.requests.times import rfc3339
from gatewayd.errors import Fault, InvalidRequestError
from gatewayd.loop_test.plan import SimAddress
from gatewayd.loop_test.rounds import LONGEST_S
from gatewayd.messages.blank_text import VISIBLE, is_blank
from gatewayd.records import LONGEST_TEXT, Draft, Idempotency, Options, Priority
from gatewayd.sims.ussd import MOST_REPLIES
from modem.driver.ussd import CODE

LONGEST_REFERENCE = 255
"""Characters in a client's own id of a message."""

LONGEST_EXPIRY_S = 63 * 7 * 86400
"""63 weeks: the longest validity period of an SMS-SUBMIT (23.040, 9.2.3.12.1)."""


def _never_too_late() -> int:
    return 2**63 - 1


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide whether a body is valid."""

    e164: Callable[[str], str]  # raises ValueError with a text for the client
    bulk_max: int
    latest_send_at: Callable[[], int] = _never_too_late  # microseconds since the epoch


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A valid request for one message."""

    draft: Draft
    options: Options
    idempotency: Idempotency | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """An invalid message of a bulk. It fails alone."""

    recipient: str  # as sent; "" if it was no string
    faults: tuple[Fault, ...]  # field names within the message; "" for the message as a whole


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """A request for many messages. It is valid, but its messages may not be."""

    messages: list[Draft | Rejected]  # in the order of the request
    options: Options
    idempotency: Idempotency | None


def send_request(raw: bytes, endpoint: str, idempotency_header: str | None, rules: Rules) -> SendRequest:
    """Parse the body of a send. Raises InvalidRequestError with every fault, and no other exception."""
    content, faults = _object(raw)
    parsed, more = _validated(SendBody, content, rules)
    idempotency, last = _idempotency(idempotency_header, endpoint, content)
    if parsed is None or faults or last:
        raise InvalidRequestError([*faults, *more, *last])
    return SendRequest(
        Draft(parsed.recipient, parsed.message, parsed.reference), parsed.options(), idempotency
    )


def preview_request(raw: bytes, rules: Rules) -> tuple[Draft, Options]:
    """Parse the body of a preview, in which the recipient may be missing. Raises InvalidRequestError with every fault."""
    parsed, faults = _validated(PreviewBody, json_object(raw), rules)
    if parsed is None:
        raise InvalidRequestError(faults)
    return Draft(parsed.recipient or "", parsed.message, parsed.reference), parsed.options()


def read_request(raw: bytes) -> bool:
    """Parse the body that marks a received text. Raises InvalidRequestError with every fault."""
    parsed, faults = _validated(ReadBody, json_object(raw))
    if parsed is None:
        raise InvalidRequestError(faults)
    return parsed.read


@dataclass(frozen=True, slots=True)
class OptOutRequest:
    """A number that opts out. `recipient` is E.164."""

    recipient: str
    reason: str | None


def opt_out_request(raw: bytes, rules: Rules) -> OptOutRequest:
    """Parse the body that opts a number out. Raises InvalidRequestError with every fault."""
    parsed, faults = _validated(OptOutBody, json_object(raw), rules)
    if parsed is None:
        raise InvalidRequestError(faults)
    return OptOutRequest(parsed.recipient, parsed.reason)


def bulk_request(raw: bytes, endpoint: str, idempotency_header: str | None, rules: Rules) -> BulkRequest:
    """Parse the body of a bulk. Raises InvalidRequestError if the request as a whole is invalid.

    Then the error has every fault, also those of the messages.
    """
    content, faults = _object(raw)
    parsed, more = _validated(BulkBody, content, rules)
    idempotency, last = _idempotency(idempotency_header, endpoint, content)
    if parsed is None or faults or last:
        raise InvalidRequestError([*faults, *more, *_message_faults(content, rules), *last])
    messages = [_message(item, rules) for item in parsed.messages]
    return BulkRequest(messages, parsed.options(), idempotency)


@dataclass(frozen=True, slots=True)
class UssdRequest:
    """A USSD request with valid types. The gateway checks the values."""

    port: int
    code: str
    replies: tuple[str, ...]
    slot: int | None


def ussd_request(raw: bytes) -> UssdRequest:
    """Parse the body of a USSD request. Raises InvalidRequestError with every fault."""
    parsed, faults = _validated(UssdBody, json_object(raw))
    if parsed is None:
        raise InvalidRequestError(faults)
    return UssdRequest(parsed.port, parsed.code, tuple(parsed.replies or ()), parsed.slot)


@dataclass(frozen=True, slots=True)
class LoopTestRequest:
    """A request for a loop test. Without source and target every SIM sends to the next one."""

    source: SimAddress | None
    target: SimAddress | None
    timeout_s: float | None


def loop_test_request(raw: bytes) -> LoopTestRequest:
    """Parse the body of a loop test, which may be empty. Raises InvalidRequestError with every fault."""
    parsed, faults = _validated(LoopTestBody, json_object(raw) if raw.strip() else {})
    if parsed is None:
        raise InvalidRequestError(faults)
    return LoopTestRequest(parsed.source, parsed.target, parsed.timeout_s)


def in_bulk(index: int, fault: Fault) -> Fault:
    """A fault of a message as a fault of its bulk."""
    return Fault(f"messages.{index}.{fault.field}".rstrip("."), fault.message)


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise PydanticCustomError(
            "blank", "must not be only white space or characters that are drawn as nothing"
        )
    return text


_Id = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]  # the range of the store


class _Body(BaseModel):
    # The text under a field is its description in the OpenAPI document.
    model_config = ConfigDict(strict=True, extra="ignore", use_attribute_docstrings=True)


_Model = TypeVar("_Model", bound=_Body)


def _e164(recipient: str, info: ValidationInfo[Rules]) -> str:
    try:
        return info.context.e164(recipient)
    except ValueError as error:
        raise PydanticCustomError("recipient", "{sentence}", {"sentence": str(error)}) from error


_Recipient = Annotated[str, Field(json_schema_extra=marked("recipient")), AfterValidator(_e164)]
_Text = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_TEXT, json_schema_extra={"pattern": VISIBLE}),
    AfterValidator(_not_blank),
]
_Reference = Annotated[str, Field(min_length=1, max_length=LONGEST_REFERENCE)]


class MessageBody(_Body):
    """One message."""

    recipient: _Recipient
    """A number of `numbers.plan`, or one with + and its country code; it is stored as E.164."""
    message: _Text
    """Not only white space and invisible characters."""
    reference: _Reference | None = None
    """The client's own id, returned everywhere; it need not be unique."""


class _Options(_Body):
    sim_number_id: _Id | None = None
    """The `id` of a SIM in `sims/available`: the message is never moved to another SIM."""
    campaign_id: _Id | None = None
    """Stored and returned."""
    priority: Literal["otp", "normal", "bulk"] | None = None
    """By default `normal`."""
    expires_in_s: Annotated[int, Field(ge=1, le=LONGEST_EXPIRY_S)] | None = None
    """The message fails if it was not sent within these seconds."""
    send_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    """The message is not sent before this time; at most a year ahead."""
    transactional: bool | None = None
    """Passes opt-outs and sending windows; needs the right `transactional`."""

    @field_validator("send_at")
    @classmethod
    def _within_a_year(cls, send_at: str | None, info: ValidationInfo[Rules]) -> str | None:
        try:
            if send_at is not None and rfc3339(send_at) > info.context.latest_send_at():
                raise ValueError("must be at most a year ahead")
        except ValueError as error:
            raise PydanticCustomError("send_at", "{sentence}", {"sentence": str(error)}) from error
        return send_at

    def options(self) -> Options:
        return Options(
            sim_id=self.sim_number_id,
            campaign_id=self.campaign_id,
            priority=Priority[self.priority.upper()] if self.priority else Priority.NORMAL,
            expires_in_s=self.expires_in_s,
            send_at=None if self.send_at is None else rfc3339(self.send_at),
            transactional=bool(self.transactional),
        )


class SendBody(_Options, MessageBody):
    """A message with its options."""


class PreviewBody(_Options):
    """A message that is not sent."""

    recipient: _Recipient | None = None
    """Without it the SIM is that of any recipient."""
    message: _Text
    """Not only white space and invisible characters."""
    reference: _Reference | None = None
    """Ignored, as a send may have one."""


class BulkBody(_Options):
    """Many messages with common options."""

    # Each is validated alone, by MessageBody.
    messages: Annotated[list[Any], Field(json_schema_extra=marked("bulk_max"))]
    """A message that is not valid fails alone."""

    @field_validator("messages")
    @classmethod
    def _count(cls, messages: list[Any], info: ValidationInfo[Rules]) -> list[Any]:
        limit = info.context.bulk_max
        if not 1 <= len(messages) <= limit:
            raise PydanticCustomError("count", "must hold 1 to {most} messages", {"most": limit})
        return messages


class ReadBody(_Body):
    """The mark of a text."""

    read: bool
    """Whether it was read."""


class OptOutBody(_Body):
    """A number that wants no campaigns."""

    recipient: _Recipient
    """A number of `numbers.plan`, or one with + and its country code; it is stored as E.164."""
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REFERENCE)] | None = None
    """Kept as evidence."""


# The gateway judges codes and replies: the patterns are for the document alone.
_Code = Annotated[str, Field(json_schema_extra={"pattern": f"^{CODE}$"})]


class UssdBody(_Body):
    """A USSD code, and replies to the menus after it."""

    port: int
    """The port that sends the code."""
    code: _Code
    """As `#123#`: 1 to 160 digits, `*`, `#`, `+`, ASCII letters and plain punctuation."""
    slot: int | None = None
    """The slot whose SIM sends the code; by default the active one."""
    replies: Annotated[list[_Code], Field(json_schema_extra={"maxItems": MOST_REPLIES})] | None = None
    """At most 10 replies, in the same session."""


def _place(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        return SimAddress.read(text)
    except ValueError as error:
        raise PydanticCustomError("place", "{sentence}", {"sentence": str(error)}) from error


_SimPlace = Annotated[
    SimAddress,
    BeforeValidator(_place),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(?:[0-9]{1,4}(?:\.[0-9]{1,2})?|[Ss][Ii][Mm]:[0-9]{1,15})$"}
    ),
]


class LoopTestBody(_Body):
    """The SIMs of a loop test."""

    source: _SimPlace | None = Field(default=None, alias="from")
    """The SIM that sends: `PORT`, `PORT.SLOT` or `sim:ID`; by default each SIM."""
    target: _SimPlace | None = Field(default=None, alias="to")
    """The SIM that receives; by default the next one with a known number."""
    timeout_s: Annotated[float, Field(ge=1, le=LONGEST_S, allow_inf_nan=False)] | None = None
    """By default 300, times the number of SIMs that share a port."""


def _object(raw: bytes) -> tuple[dict[str, Any] | None, list[Fault]]:
    try:
        return json_object(raw), []
    except InvalidRequestError as error:
        return None, error.faults


def _idempotency(
    header: str | None, endpoint: str, content: dict[str, Any] | None
) -> tuple[Idempotency | None, list[Fault]]:
    if header is None:
        return None, []
    try:
        key = idempotency_key(header)
        return (Idempotency(key, fingerprint(endpoint, content)) if content is not None else None), []
    except ValueError as error:
        return None, [Fault("Idempotency-Key", str(error))]
    except InvalidRequestError as error:
        return None, error.faults


def _message(item: object, rules: Rules) -> Draft | Rejected:
    if not isinstance(item, dict):
        return Rejected("", (Fault("", "must be a JSON object"),))
    parsed, faults = _validated(MessageBody, item, rules)
    if parsed is None:
        recipient = item.get("recipient")
        return Rejected(recipient if isinstance(recipient, str) else "", tuple(faults))
    return Draft(parsed.recipient, parsed.message, parsed.reference)


def _message_faults(content: dict[str, Any] | None, rules: Rules) -> list[Fault]:
    items = content.get("messages") if content is not None else None
    if not isinstance(items, list) or len(items) > rules.bulk_max:
        return []
    judged = (_message(item, rules) for item in items)
    return [
        in_bulk(index, fault)
        for index, message in enumerate(judged)
        if isinstance(message, Rejected)
        for fault in message.faults
    ]


def _validated(
    model: type[_Model], content: dict[str, Any] | None, rules: Rules | None = None
) -> tuple[_Model | None, list[Fault]]:
    if content is None:
        return None, []
    try:
        return model.model_validate(content, context=rules), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, [Fault(".".join(map(str, fault["loc"])), _sentence(fault)) for fault in details]


_SENTENCES = {
    "bool_type": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "dataclass_type": "must be a string",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "int_type": "must be an integer",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is required",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be empty",
    "string_type": "must be a string",
    "string_unicode": "must not hold half of a surrogate pair",
}


def _sentence(fault: ErrorDetails) -> str:
    sentence = _SENTENCES.get(fault["type"])
    return sentence.format(**fault.get("ctx", {})) if sentence else fault["msg"]


class Body(_Body):
    """The base of the bodies in other files."""


_AnyBody = TypeVar("_AnyBody", bound=Body)


def parsed_body(model: type[_AnyBody], raw: bytes, *, may_be_empty: bool = False) -> _AnyBody:
    """Parse a body by a model of another file. Raises InvalidRequestError with every fault."""
    content = {} if may_be_empty and not raw.strip() else json_object(raw)
    parsed, faults = _validated(model, content)
    if parsed is None:
        raise InvalidRequestError(faults)
    return parsed
