"""The refusals of the gateway as sentences for persons. Programs get those of `gatewayd.errors`."""

from __future__ import annotations

from config.language.text import Text
from gatewayd.errors import (
    ConflictError,
    GatewayError,
    IdempotencyMismatchError,
    NotFoundError,
    NotPermittedError,
    OptedOutError,
    QueueFullError,
    QuotaExceededError,
    SimUnavailableError,
    StorageUnavailableError,
)


def explained(error: GatewayError) -> str:
    """The reason of a refusal, as a Text where persons meet it."""
    match error:
        case QuotaExceededError():
            return Text(
                "the quota of the company is too small: {requested} messages are asked for, and {remaining} are left this month",
                requested=error.requested,
                remaining=error.remaining,
            )
        case ConflictError() if error.retry_after_s is not None:
            return Text("the same request is still being answered")
        case _:
            return _TEXTS.get(type(error), str(error))


_TEXTS: dict[type[GatewayError], Text] = {
    ConflictError: Text("the message can no longer be cancelled: it has ended, or was handed to a modem"),
    IdempotencyMismatchError: Text("this form was sent before with another content: begin a new one"),
    NotFoundError: Text("there is no such message or campaign"),
    NotPermittedError: Text("you may not send messages that pass opt-outs"),
    OptedOutError: Text("the recipient has opted out of messages from this company"),
    QueueFullError: Text("too many messages are waiting already: try again later"),
    SimUnavailableError: Text(
        "no SIM can take the message now: each is absent, disabled or has reached its limit"
    ),
    StorageUnavailableError: Text("the gateway cannot store anything now; nothing was accepted"),
}
