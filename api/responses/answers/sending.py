"""Answers to sends, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from api.responses.answers.envelope import Shape, Success, TaskId


class Identifiers(Shape):
    """The ids of an accepted message."""

    sms_id: str
    """The id for the status and for cancelling."""
    task_id: TaskId
    """The Unix time in units of 0.1 ms, strictly increasing."""
    sim_number: str
    """The number of the SIM, empty where it is not known."""


class GivenBack(Shape):
    """The values of the request that are given back."""

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
