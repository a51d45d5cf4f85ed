"""The outcomes of sandbox messages: no modem gets them, and the last two digits of the recipient choose what happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from gatewayd.errors import GatewayError, QuotaExceededError, SimUnavailableError


class Step(Enum):
    """An event in the life of a sandbox message."""

    SENT = "sent"
    DELIVERED = "delivered"
    REFUSED = "refused"
    DOUBT = "doubt"
    REPLY = "reply"  # its text comes back from its recipient


@dataclass(frozen=True, slots=True)
class Planned:
    """A step, and the seconds after which it happens."""

    after_s: float
    step: Step


_SENT_THEN_DELIVERED = (Planned(0, Step.SENT), Planned(1, Step.DELIVERED))

_PLANS: Mapping[str, tuple[Planned, ...]] = MappingProxyType(
    {
        "00": (Planned(0, Step.SENT), Planned(0, Step.DELIVERED)),
        "01": (Planned(0, Step.REFUSED),),
        "02": (Planned(0, Step.SENT),),
        "03": (),
        "04": (Planned(0, Step.SENT), Planned(30, Step.DELIVERED)),
        "05": (Planned(0, Step.DOUBT), Planned(2, Step.DELIVERED)),
        "08": (Planned(0, Step.SENT), Planned(1, Step.DELIVERED), Planned(1, Step.REPLY)),
    }
)


def plan(recipient: str) -> tuple[Planned, ...]:
    """The steps of a message to this number, in order."""
    return _PLANS.get(recipient[-2:], _SENT_THEN_DELIVERED)


def refusal(recipient: str) -> GatewayError | None:
    """The error with which a message to this number is refused at once; None: it is taken."""
    match recipient[-2:]:
        case "06":
            return SimUnavailableError()
        case "07":
            return QuotaExceededError(requested=1, remaining=0, total=0, used=0, resets_in_s=86_400)
        case _:
            return None
