"""Checks the values of a webhook that a client or an administrator gives. Pure, but for the box's own addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from config.language.text import Text
from gatewayd.errors import Fault, InvalidRequestError
from gatewayd.records import EventType
from gatewayd.webhooks.judge import Judge
from gatewayd.webhooks.states import DISABLED, OK
from gatewayd.webhooks.targets import TargetError, parse

_LONGEST_DESCRIPTION: Final = 200

_OF_THE_BOX: Final = frozenset(
    {
        EventType.PORT_DOWN,
        EventType.PORT_UP,
        EventType.SIM_LOW_BALANCE,
        EventType.SIM_BUNDLE_ENDING,
        EventType.SIM_SUSPECTED_BLOCKED,
        EventType.DISK_STATE,
        EventType.CLOCK_UNTRUSTED,
    }
)


@dataclass(frozen=True, slots=True)
class WebhookDraft:
    """The values of a webhook to be made, not checked yet. `types` None: all."""

    url: str
    types: Sequence[str] | None = None
    description: str = ""
    box: bool = False


def checked(values: Mapping[str, Any], judge: Judge, *, box: bool, private: bool) -> dict[str, Any]:
    """Check `url`, `types`, `description` and `state`, as far as they are given; types become types of events.

    Raises InvalidRequestError with every fault.
    """
    checks = {
        "url": lambda value: _url(value, judge, private=private),
        "types": lambda value: _types(value, box=box),
        "description": _description,
        "state": _state,
    }
    found: dict[str, Any] = {}
    faults = list[Fault]()
    for name, check in checks.items():
        if name in values:
            try:
                found[name] = check(values[name])
            except ValueError as error:
                faults.append(Fault(name, error.args[0]))
    if faults:
        raise InvalidRequestError(faults)
    return found


def _url(url: str, judge: Judge, *, private: bool) -> str:
    """A name is judged at each attempt, an address at once."""
    host = parse(url).host
    try:
        ip_address(host)
    except ValueError:
        return url
    try:
        judge.check(host, private=private)
    except TargetError as error:
        raise ValueError(error.args[0]) from error
    return url


def _types(names: Sequence[str] | None, *, box: bool) -> frozenset[EventType] | None:
    if names is None:
        return None
    if not names:
        raise ValueError(Text("must not be empty; null means all types"))
    types = set[EventType]()
    for name in names:
        try:
            types.add(EventType(name))
        except ValueError:
            known = ", ".join(each.value for each in EventType)
            raise ValueError(Text("must be of {known}", known=known)) from None
    if not box and (wrong := sorted(each.value for each in types & _OF_THE_BOX)):
        raise ValueError(
            Text(
                '{types}: only a webhook with the scope "box" gets events of the box', types=", ".join(wrong)
            )
        )
    return frozenset(types)


def _description(text: str) -> str:
    if len(text) > _LONGEST_DESCRIPTION or not (text.isprintable() or not text):
        raise ValueError(
            Text("must be at most {most} printable characters, on one line", most=_LONGEST_DESCRIPTION)
        )
    return text


def _state(state: str) -> str:
    if state not in (OK, DISABLED):
        raise ValueError(Text("must be {first} or {second}", first=OK, second=DISABLED))
    return state
