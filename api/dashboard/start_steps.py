"""The steps from a bare box to the first delivered text, and which of them are done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from config.language.text import Text


class Step(StrEnum):
    """A step, as its address names it."""

    BOX = "box"
    MODEMS = "modems"
    SIMS = "sims"
    COMPANY = "company"
    TEST = "test"
    KEY = "key"


NAMES: Final = {
    Step.BOX: Text("Clock and country"),
    Step.MODEMS: Text("Modems"),
    Step.SIMS: Text("SIM cards"),
    Step.COMPANY: Text("Company"),
    Step.TEST: Text("Test message"),
    Step.KEY: Text("API key"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """The things that the box has already."""

    clock_trusted: bool
    plan_chosen: bool
    ports: bool  # a port exists
    sims_named: bool  # a SIM in a port, and each of those has its number
    company: bool  # an active one
    sent: bool  # one of the newest messages was sent
    key: bool  # an active one


def done(facts: Facts) -> dict[Step, bool]:
    """Each step, and whether it is done. A person who went on to the modems has seen clock and country."""
    return {
        Step.BOX: (facts.clock_trusted and facts.plan_chosen) or facts.ports,
        Step.MODEMS: facts.ports,
        Step.SIMS: facts.sims_named,
        Step.COMPANY: facts.company,
        Step.TEST: facts.sent,
        Step.KEY: facts.key,
    }


def first_open(facts: Facts) -> Step | None:
    """The first step that is not done; None where all are."""
    return next((step for step, is_done in done(facts).items() if not is_done), None)


def after(step: Step) -> Step | None:
    """The step that follows; None after the last one."""
    steps = list(Step)
    following = steps.index(step) + 1
    return steps[following] if following < len(steps) else None
