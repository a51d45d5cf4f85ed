"""The findings of `gatewayd check` about the fleet, from the document of `observing`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from config.language.text import Text
from gatewayd.diagnostics.findings import Finding, fault, ok, warning

ABOUT: Final = Text("fleet")
_MUCH: Final = 1000  # outcomes that are not told yet


def of_document(fleet: Mapping[str, Any]) -> list[Finding]:
    """The findings; at least one."""
    if fleet["away"]:
        return [_away(fleet)]
    found = [*_of_this_box(fleet), *_of_others(fleet), *_of_the_server(fleet)]
    return found or [
        ok(
            ABOUT,
            Text(
                "This box is {name}; PostgreSQL answers, and the boxes that work are: {boxes}.",
                name=fleet["name"],
                boxes=", ".join(box["name"] for box in fleet["boxes"] if box["state"] == "member"),
            ),
        )
    ]


def _away(fleet: Mapping[str, Any]) -> Finding:
    if fleet["refused"]:
        return fault(ABOUT, Text("PostgreSQL cannot be used: {reason}.", reason=fleet["away"]))
    return fault(
        ABOUT,
        Text(
            "PostgreSQL cannot be reached ({reason}): no message is accepted until it is back. Look at its machine and at the"
            " network between.",
            reason=fleet["away"],
        ),
    )


def _of_this_box(fleet: Mapping[str, Any]) -> list[Finding]:
    own = next((box for box in fleet["boxes"] if box["name"] == fleet["name"]), None)
    if own is None or own["state"] != "member":
        text = Text(
            "This box ({name}) is no member of the fleet: `gatewayd fleet join` makes it one, or take [fleet] out of the"
            " configuration.",
            name=fleet["name"],
        )
        return [fault(ABOUT, text)]
    found = []
    if fleet["recovering"]:
        found.append(_recovering(fleet))
    if own["silent"]:
        found.append(
            fault(
                ABOUT,
                Text(
                    "This box ({name}) has not been heard of for {seconds} seconds, so it sends nothing of the fleet: start its"
                    " daemon, or read its log.",
                    name=fleet["name"],
                    seconds=round(own["seen_s"]),
                ),
            )
        )
    if fleet["untold"] is not None and fleet["untold"] >= _MUCH:
        found.append(
            warning(
                ABOUT,
                Text(
                    "{count} outcomes of this box are not told to the fleet yet: read its log.",
                    count=fleet["untold"],
                ),
            )
        )
    return found


def _recovering(fleet: Mapping[str, Any]) -> Finding:
    behind = [box["name"] for box in fleet["boxes"] if box["state"] == "member" and not box["caught_up"]]
    if behind:
        text = Text(
            "PostgreSQL was restored, and these boxes have not told everything again: {boxes}. Start them, or take out"
            " (`gatewayd fleet exclude BOX`) those that do not come back; then: gatewayd fleet recovered. Nothing is sent"
            " until then.",
            boxes=", ".join(behind),
        )
    else:
        text = Text(
            "PostgreSQL was restored, and every box has told everything again. Nothing is sent until you say: gatewayd fleet"
            " recovered."
        )
    return fault(ABOUT, text)


def _of_the_server(fleet: Mapping[str, Any]) -> list[Finding]:
    if not fleet["unsafe"]:
        return []
    return [
        fault(
            ABOUT,
            Text(
                "PostgreSQL runs with {settings} switched off: a power cut there loses messages that it has confirmed. Set it to on"
                " in postgresql.conf, and restart PostgreSQL.",
                settings=", ".join(fleet["unsafe"]),
            ),
        )
    ]


def _of_others(fleet: Mapping[str, Any]) -> list[Finding]:
    found = []
    silent = [box["name"] for box in fleet["boxes"] if box["silent"] and box["name"] != fleet["name"]]
    if silent:
        found.append(
            warning(
                ABOUT,
                Text(
                    "These boxes are silent: {boxes}. Others send what they had not started; start them, or take out those that"
                    " do not come back: gatewayd fleet exclude BOX.",
                    boxes=", ".join(silent),
                ),
            )
        )
    if fleet["nowhere"] and not fleet["recovering"]:
        found.append(
            warning(
                ABOUT,
                Text(
                    "{count} messages wait for SIMs of no box that works: another SIM takes those that may move.",
                    count=fleet["nowhere"],
                ),
            )
        )
    if fleet["doubts"]:
        found.append(
            warning(
                ABOUT,
                Text(
                    "{count} messages are in doubt: `gatewayd message list --status pending` shows them, `gatewayd message"
                    " settle` decides.",
                    count=fleet["doubts"],
                ),
            )
        )
    return found
