"""The shapes of the answers, for the OpenAPI document. The tests compare them with the real answers, field by field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Time = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
        json_schema_extra={"format": "date-time"},
    ),
]
"""A time in UTC, ISO 8601 with six decimals and `Z`."""

TaskId = Annotated[str, Field(pattern=r"^[0-9]{14}$")]


class Shape(BaseModel):
    """The shape of a JSON object. The text under a field is its description in the document."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Success(Shape):
    """The envelope of a success."""

    success: Literal[True]


class Page(Success):
    """The envelope of a list."""

    next_cursor: int | None
    """The `cursor` of the next page; null at the end."""


# Sending.


class Identifiers(Shape):
    """The ids of an accepted message."""

    sms_id: str
    """The id for the status and for cancelling."""
    task_id: TaskId
    """The Unix time in units of 0.1 ms, strictly increasing."""
    sim_number: str
    """The number of the SIM, empty where it is not known."""


class GivenBack(Shape):
    """What the request named is given back."""

    reference: str | None = None
    """The client's own id, only where the request named one."""


class Sent(Identifiers, GivenBack):
    """An accepted message."""

    recipient: str
    """E.164."""
    status: Literal["sent", "pending", "cancelled"]
    """`pending`: the network has not taken all parts yet."""


class SendAnswer(Success):
    """The message is stored."""

    message: str
    data: Sent


class SendFailure(Identifiers, GivenBack):
    """A message that was refused for good while the client waited."""

    recipient: str
    status: Literal["failed"]
    failure_reason: str
    """The reason in English and in French, separated by ` / `."""


class SendFailed(Shape):
    """The message was refused for good while the client waited."""

    success: Literal[False]
    message: str
    error: Literal["send_failed"]
    data: SendFailure


class BulkSuccess(Identifiers, GivenBack):
    """An accepted message of a bulk."""

    recipient: str
    success: Literal[True]
    status: Literal["pending"]


class BulkFailure(GivenBack):
    """A message of a bulk that was not accepted."""

    recipient: str
    """As it was sent."""
    success: Literal[False]
    error: str
    """One of the error codes."""
    message: str


class BulkSummary(Shape):
    """The counts of a bulk."""

    total: int
    success: int
    failed: int


class BulkAnswer(Success):
    """At least one message is stored."""

    message: str
    summary: BulkSummary
    results: list[BulkSuccess | BulkFailure]
    """One for each message, in the order of the request."""


class BulkRefused(Shape):
    """No message is stored. The code and its data are those of the first fault."""

    success: Literal[False]
    message: str
    error: str
    data: dict[str, Any]
    summary: BulkSummary
    results: list[BulkFailure]


# Previews.


class Forcing(Shape):
    """A character that the GSM alphabet lacks."""

    character: str
    name: str
    """Its name in Unicode."""
    positions: list[int]
    """Its places in the text, in characters, from 0."""
    suggestion: str | None
    """The nearest text in the GSM alphabet; null where there is none."""


class PreviewSim(Shape):
    """The SIM that a send would get now."""

    id: int
    number: str
    operator: str


class Preview(Shape):
    """What a send would do now."""

    encoding: Literal["gsm7", "ucs2"]
    parts: int
    characters: int
    units: int
    """Septets of `gsm7`, or 16 bits of `ucs2`."""
    units_per_part: int
    units_left: int
    """The room in the last part."""
    forcing: list[Forcing]
    """The characters that force UCS-2."""
    suggested_message: str | None
    """The text with every suggestion; null unless it takes fewer parts."""
    suggested_parts: int | None
    cost: float | None
    sim: PreviewSim | None
    refusal: str | None
    """The error code that a send would get now."""


class PreviewAnswer(Success):
    """What a send would do now."""

    data: Preview


# Messages.


class Message(Shape):
    """A message as its company sees it."""

    sms_id: str
    recipient: str
    sender: str
    """The number of the SIM."""
    message: str
    status: Literal["pending", "sent", "delivered", "failed", "cancelled"]
    """pending → sent, failed or cancelled; sent → delivered or failed."""
    status_label: str
    sent_at: Time | None
    delivered_at: Time | None
    failed_at: Time | None
    failure_reason: str | None
    """The reason in English and in French, separated by ` / `."""
    cost: float
    """The SIM's price for one part times the parts."""
    retry_count: int
    """The attempts after the first."""
    sim_number: str
    in_doubt: bool
    """Whether it is unknown if the network took a part."""
    campaign_id: int | None
    reference: str | None
    """The client's own id."""
    parts: int
    created_at: Time
    send_at: Time | None
    """The time before which it is not sent."""
    expires_at: Time | None
    """It fails if it was not sent by then."""
    sandbox: bool
    """Whether it was sent with a sandbox key, by no modem."""


class Attempt(Shape):
    """One submission of one part that has ended."""

    part: int
    """From 1."""
    at: Time
    sim_number_id: int
    sim_number: str
    port: int | None
    outcome: Literal["sent", "refused", "in_doubt"]
    code: str | None
    """The modem's error code; null where it gave none."""
    meaning: str
    meaning_fr: str


class MessageWithAttempts(Message):
    """A message and its attempts, oldest first."""

    attempts: list[Attempt]


class MessageAnswer(Success):
    """One message."""

    data: MessageWithAttempts


class MessagesAnswer(Page):
    """A page of messages, newest first."""

    data: list[Message]


# Campaigns and opt-outs.


class Campaign(Shape):
    """The messages of a campaign."""

    campaign_id: int
    total: int
    pending: int
    sent: int
    delivered: int
    failed: int
    cancelled: int
    parts: int
    cost: float
    first_at: Time
    last_at: Time


class CampaignAnswer(Success):
    """One campaign."""

    data: Campaign


class CampaignCancelled(Shape):
    """The result of cancelling a campaign."""

    cancelled: int
    """The messages that are cancelled by this request."""
    complete: bool
    """Whether no further message of the campaign can be cancelled; if not, repeat the request."""


class CampaignCancelAnswer(Success):
    """The messages that no modem had yet are cancelled."""

    data: CampaignCancelled


class OptOut(Shape):
    """A number that wants no campaigns of the company, with the evidence."""

    recipient: str
    opted_out_at: Time
    source: Literal["text", "api", "cli"]
    reason: str | None
    message: str | None
    """The words of the text that opted out."""
    inbox_id: int | None


class OptOutAnswer(Success):
    """One opt-out."""

    data: OptOut


class OptOutsAnswer(Page):
    """A page of opt-outs, newest first."""

    data: list[OptOut]


# Events.


class Event(Shape):
    """What happened."""

    id: str
    """Never used twice."""
    type: str
    timestamp: Time
    data: dict[str, Any]
    """Of `message.*` the message as in `GET /sms/messages` with its `sequence`, of `message.received` the text."""


class EventsAnswer(Success):
    """A page of events, oldest first."""

    data: list[Event]
    next_cursor: str
    """The `after` of the next request."""
    reset: bool
    """Whether events behind the cursor were lost."""
    more: bool
    """Whether there may be more events already."""


# The inbox.


class Text(Shape):
    """A received text."""

    id: int
    sender: str
    """A number, a short code or a name."""
    message: str
    """The text; hexadecimal where `encoding` is `8bit`."""
    received_at: Time
    sent_at: Time | None
    """The time when the network took it; null where the network gave no possible date."""
    sim_number: str
    sim_number_id: int
    incomplete: bool
    """Whether parts are missing; `[…]` stands for each hole."""
    kind: Literal["text", "data"]
    """`data`: content for a program, not for a person."""
    encoding: Literal["gsm7", "ucs2", "8bit"] | None
    port_number: int | None
    """The application port of data."""
    read: bool
    """Whether a program marked it as read."""


class TextAnswer(Success):
    """One text."""

    data: Text


class InboxAnswer(Page):
    """A page of texts, newest first."""

    data: list[Text]


# SIMs, quota, modems.


class Sim(Shape):
    """A SIM."""

    id: int
    number: str
    name: str
    operator: str


class AssignedSim(Sim):
    """The company's default SIM, else its lowest id."""

    can_send_sms: bool


class UsageStats(Shape):
    """The messages of a SIM."""

    today_sent: int
    today_failed: int
    this_month_sent: int


class AvailableSim(Sim):
    """A SIM that the company may use."""

    port: int
    slot: int
    is_default: bool
    balance: float
    """The last balance that was read; 0 where none was."""
    daily_limit: int | None
    monthly_limit: int | None
    usage_stats: UsageStats
    can_send_sms: bool
    """Enabled, within its limits, and ready now."""
    assigned_to: str | None
    """The name of its company."""
    balance_at: Time | None
    bundle_units: int | None
    """The texts left in the bundle; null where the operator does not tell it."""
    bundle_end: Time | None


class Sims(Shape):
    """The SIMs of a company."""

    assigned_sim: AssignedSim | None
    available_sims: list[AvailableSim]
    total_available: int


class SimsAnswer(Success):
    """The SIMs that the company may use."""

    data: Sims


class Quota(Shape):
    """The quota of this month."""

    total_quota: int | None
    """Null: unlimited."""
    sent_this_month: int
    remaining: int | None
    usage_percentage: float
    resets_at: Time


class QuotaAnswer(Success):
    """The quota of the company."""

    data: Quota


class TestedPort(Shape):
    """The result of the connection test on one port."""

    port: int
    ok: bool
    busy: bool
    """Whether it was submitting a part; then its last answer counts."""
    detail: str


class ConnectionResult(Shape):
    """The result of the connection test."""

    result: Literal["success", "failure"]


class ConnectionAnswer(Success):
    """At least one modem answered."""

    message: str
    data: ConnectionResult
    status_code: Literal[200]
    ports: list[TestedPort]


class ConnectionFailed(Shape):
    """No modem answered."""

    success: Literal[False]
    message: str
    error: Literal["gateway_unreachable"]
    data: ConnectionResult
    status_code: Literal[503]
    ports: list[TestedPort]


class UssdResult(Shape):
    """The network's answers to a code."""

    port: int
    slot: int
    answer: str
    """The last of `answers`."""
    session: str
    """`done`; `open` if the network waits for a further reply; `ended` by the network."""
    answers: list[str]
    replies_unsaid: int
    """The replies that were not sent, because the session ended early."""


class UssdAnswer(Success):
    """The network answered."""

    message: str
    data: UssdResult


class LoopTest(Shape):
    """A text from one SIM of the box to another. Seconds count from its start; null: it has not happened yet."""

    from_: Annotated[str, Field(alias="from")]
    """`PORT.SLOT`."""
    from_sim: int
    to: str
    to_sim: int
    started_at: Time
    outcome: Literal["running", "arrived", "unreported", "not_sent", "lost", "elsewhere", "interrupted"]
    arrived: bool
    submit_s: float | None
    arrive_s: float | None
    report_s: float | None
    sms_id: str | None
    reason: str | None
    """The answer of the modem or the network."""
    detail: str
    """The meaning of the outcome, and the remedy."""
    detail_fr: str


class LoopTestRound(Shape):
    """The tests of one request."""

    running: bool
    all_arrived: bool
    timeout_s: float
    tests: list[LoopTest]
    notes: list[str]
    """The SIMs that cannot be texted, because their number is not known."""


class LoopTestAnswer(Success):
    """The tests that were started."""

    message: str
    data: LoopTestRound


class LoopTestsAnswer(Success):
    """The last test of each pair of SIMs."""

    data: list[LoopTest]


# The box.


class HealthCheck(Shape):
    """One check of the box."""

    status: Literal["pass", "warn", "fail"]
    output: str


class Health(Shape):
    """The state of the box."""

    status: Literal["ok", "warn", "fail"]
    live: Literal[True]
    ready: bool
    """Whether messages are accepted."""
    checks: dict[str, HealthCheck]


class HealthAnswer(Success):
    """Messages are accepted."""

    data: Health


class HealthFailed(Shape):
    """No messages are accepted."""

    success: Literal[False]
    message: str
    error: Literal["storage_unavailable"]
    data: Health


# The data of errors.


class Fault(Shape):
    """One fault of a request."""

    field: str
    """The path of a field, as `messages.3.recipient`; `body` for the body as a whole."""
    message: str


class Faults(Shape):
    """Every fault of a request."""

    errors: list[Fault]


class KeyState(Shape):
    """The state of a key that is not valid."""

    expired: bool
    deactivated: bool
    expires_date: Time | None
    active: bool


class ServiceMismatch(Shape):
    """The service of the key, and that of the endpoint."""

    api_key_service: str
    requested_service: str


class QuotaExceeded(Shape):
    """The quota that is too small."""

    service_type: Literal["sms"]
    requested: int
    remaining: int
    total_quota: int
    usage_percentage: float


class UssdFailure(Shape):
    """The end of a USSD session without a result."""

    port: int
    answer: str
    session: str
