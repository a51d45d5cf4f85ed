"""Sentences about SIMs that a person should look at: balances that cannot be read, and SIMs that may be blocked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from config.language.text import Text
from gatewayd.diagnostics.findings import Finding, warning


def of(sims: Sequence[Mapping[str, Any]]) -> list[str]:
    """The notices about the SIMs of a status."""
    return [sentence for sim in sims for sentence in _about(sim)]


def check(sims: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The same as findings of `gatewayd check`."""
    return [warning(Text("SIM {sim}", sim=sim["id"]), sentence) for sim in sims for sentence in _about(sim)]


def _about(sim: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    about = Text("SIM {sim} (port {port}, slot {slot})", sim=sim["id"], port=sim["port"], slot=sim["slot"])
    if sim["unreadable_since"]:
        balance = (
            Text("no balance")
            if sim["balance_at"] is None
            else Text("the balance of {day}", day=sim["balance_at"][:10])
        )
        found.append(
            Text(
                "{sim} keeps {balance}, because the answers of its operator cannot be read since {time}:"
                " `gatewayd ussd learn {port} CODE` proposes a pattern.",
                sim=about,
                balance=balance,
                time=_minute(sim["unreadable_since"]),
                port=sim["port"],
            )
        )
    if sim["suspected_blocked_since"]:
        found.append(
            Text(
                "{sim} may be blocked by its operator: the network refuses what it sends since {time}, while other SIMs of the"
                " operator send. It is tried with one message now and then. Has it credit, and is it registered in"
                " somebody's name? Ask the operator.",
                sim=about,
                time=_minute(sim["suspected_blocked_since"]),
            )
        )
    return found


def _minute(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC"
