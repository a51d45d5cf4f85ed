"""The figures of the last day and month as the plots and their tables need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.language.text import Text
from gatewayd.operations.figures import BySim, Figures, total
from gatewayd.store.tables.hourly_counts import Counts

# So many SIMs have a line of their own; the others are drawn together.
_SIMS: Final = 7

OUTCOMES: Final = (
    ("sent", Text("Sent")),
    ("delivered", Text("Delivered")),
    ("failed", Text("Failed")),
    ("cancelled", Text("Cancelled")),
)
"""The outcomes that are drawn, with their names."""

Periods = list[tuple[int, BySim]]


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """The outcomes of an hour or a day, which begins at `at` (microseconds since the epoch)."""

    at: int
    values: tuple[int, ...]  # in the order of OUTCOMES


def outcome_rows(periods: Periods) -> list[OutcomeRow]:
    """The outcomes of all SIMs together, oldest first."""
    return [OutcomeRow(at, _outcomes(total(by_sim))) for at, by_sim in periods]


def sim_totals(periods: Periods, names: Mapping[int, str]) -> list[tuple[str, Counts]]:
    """The counts of each SIM that has outcomes, by name; the SIM that sent most comes first."""
    sums: dict[int, Counts] = {}
    for _, by_sim in periods:
        for sim_id, counts in by_sim.items():
            if any(_outcomes(counts)):
                sums[sim_id] = sums.get(sim_id, Counts()) + counts
    ordered = sorted(sums, key=lambda sim_id: -sums[sim_id].sent)
    return [(_name(sim_id, names), sums[sim_id]) for sim_id in ordered]


def document(
    figures: Figures,
    names: Mapping[int, str] | None,
    say: Callable[[Text], str],
    hour: Callable[[int], str],
    day: Callable[[int], str],
) -> dict[str, Any]:
    """The series of both plots. `names`: of the SIMs; None: the viewer sees no SIMs."""
    return {
        "day": _series(figures.hours, names, say, hour),
        "month": _series(figures.days, names, say, day),
    }


def _series(
    periods: Periods, names: Mapping[int, str] | None, say: Callable[[Text], str], label: Callable[[int], str]
) -> dict[str, Any]:
    rows = outcome_rows(periods)
    outcome = [
        {"name": say(text), "key": key, "values": [row.values[place] for row in rows]}
        for place, (key, text) in enumerate(OUTCOMES)
    ]
    found: dict[str, Any] = {"labels": [label(at) for at, _ in periods], "outcome": outcome}
    if names is not None:
        found["sim"] = _sims(periods, names, say)
    return found


def _sims(periods: Periods, names: Mapping[int, str], say: Callable[[Text], str]) -> list[dict[str, object]]:
    sent: dict[int, int] = {}
    for _, by_sim in periods:
        for sim_id, counts in by_sim.items():
            sent[sim_id] = sent.get(sim_id, 0) + counts.sent
    ordered = sorted((sim_id for sim_id in sent if sent[sim_id]), key=lambda sim_id: (-sent[sim_id], sim_id))
    shown = ordered if len(ordered) <= _SIMS + 1 else ordered[:_SIMS]
    series: list[dict[str, object]] = [
        {"name": _name(sim_id, names), "values": [_sent(by_sim, [sim_id]) for _, by_sim in periods]}
        for sim_id in shown
    ]
    others = ordered[len(shown) :]
    if others:
        series.append(
            {"name": say(Text("Others")), "values": [_sent(by_sim, others) for _, by_sim in periods]}
        )
    return series


def _sent(by_sim: BySim, sim_ids: list[int]) -> int:
    return sum(by_sim[sim_id].sent for sim_id in sim_ids if sim_id in by_sim)


def _outcomes(counts: Counts) -> tuple[int, ...]:
    return (counts.sent, counts.delivered, counts.failed + counts.undelivered, counts.cancelled)


def _name(sim_id: int, names: Mapping[int, str]) -> str:
    return names.get(sim_id, f"SIM {sim_id}")
