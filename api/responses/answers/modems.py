"""Answers of modems: connection tests, USSD, loop tests, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.responses.answers.envelope import Shape, Success, Time


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
