"""Sentences about SIMs that a person should look at: balances that cannot be read, and SIMs that may be blocked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatewayd.diagnostics.findings import Finding, warning


def of(sims: Sequence[Mapping[str, Any]]) -> list[str]:
    """The notices about the SIMs of a status."""
    return [sentence for sim in sims for sentence in _about(sim)]


def check(sims: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The same as findings of `gatewayd check`."""
    return [warning(f"SIM {sim['id']}", sentence) for sim in sims for sentence in _about(sim)]


def _about(sim: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    about = f"SIM {sim['id']} (port {sim['port']}, slot {sim['slot']})"
    if sim["unreadable_since"]:
        balance = "no balance" if sim["balance_at"] is None else f"the balance of {sim['balance_at'][:10]}"
        found.append(
            f"{about} keeps {balance}, because the answers of its operator cannot be read since"
            f" {_minute(sim['unreadable_since'])}: `gatewayd ussd learn {sim['port']} CODE` proposes a pattern."
        )
    if sim["suspected_blocked_since"]:
        found.append(
            f"{about} may be blocked by its operator: the network refuses what it sends since"
            f" {_minute(sim['suspected_blocked_since'])}, while other SIMs of the operator send. It is tried with one"
            " message now and then. Has it credit, and is it registered in somebody's name? Ask the operator."
        )
    return found


def _minute(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC"
