"""Which company of a joining box is which company of the fleet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from config.language.text import Text
from gatewayd.fleet.setup.errors import SetupError

NEW: Final = "new"
"""The answer for a company that the fleet does not have."""


@dataclass(frozen=True, slots=True)
class Named:
    """A company: its id and its name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Question:
    """A company of the box, and the one of the fleet that has its name; None: none has."""

    company: Named
    proposed: Named | None


Answers = Mapping[int, int | None]
"""For each company of the box the one of the fleet that it is; None: the fleet has it not, it comes as a new one."""


def questions(own: Sequence[Named], fleet: Sequence[Named]) -> list[Question]:
    """One question for each company of the box. None of the fleet is proposed twice."""
    free = list(fleet)
    found = []
    for company in own:
        same = [each for each in free if _plain(each.name) == _plain(company.name)]
        proposed = next((each for each in same if each.id == company.id), same[0] if same else None)
        if proposed is not None:
            free.remove(proposed)
        found.append(Question(company, proposed))
    return found


def proposed(asked: Iterable[Question]) -> dict[int, int | None]:
    """The answers that follow from the names."""
    return {each.company.id: None if each.proposed is None else each.proposed.id for each in asked}


def given(options: Sequence[str], own: Sequence[Named], fleet: Sequence[Named]) -> dict[int, int | None]:
    """Read options `OLD=NEW`, where NEW is an id of the fleet or `new`. Raises SetupError."""
    found: dict[int, int | None] = {}
    for option in options:
        old, sign, new = option.partition("=")
        if not sign or not _is_id(old) or not (new == NEW or _is_id(new)):
            raise SetupError(
                Text(
                    "--company {option}: write OLD=NEW, the id of a company here and that of the same company in the fleet, or"
                    " OLD=new",
                    option=option,
                )
            )
        if int(old) in found:
            raise SetupError(Text("--company names company {company} twice", company=old))
        found[int(old)] = None if new == NEW else int(new)
    check(found, own, fleet)
    return found


def check(answers: Answers, own: Sequence[Named], fleet: Sequence[Named]) -> None:
    """Raise SetupError for an answer that names a company that is not there, or one for two."""
    for missing in sorted(answers.keys() - {each.id for each in own}):
        raise SetupError(Text("there is no company {company} here", company=missing))
    chosen = [new for new in answers.values() if new is not None]
    for missing in sorted(set(chosen) - {each.id for each in fleet}):
        raise SetupError(
            Text(
                "there is no company {company} in the fleet; it has: {companies}",
                company=missing,
                companies=listed(fleet),
            )
        )
    for twice in sorted({each for each in chosen if chosen.count(each) > 1}):
        raise SetupError(
            Text("two companies of this box cannot both be company {company} of the fleet", company=twice)
        )


def listed(companies: Sequence[Named]) -> str:
    """Companies for a sentence."""
    return ", ".join(f"{each.id} {each.name}" for each in companies) or "–"


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
