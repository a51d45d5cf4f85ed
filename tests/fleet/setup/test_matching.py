"""Which company of a box is which of the fleet, and what a person is told of a fleet."""

from __future__ import annotations

from typing import Any

import pytest

from gatewayd.diagnostics.findings import Grade
from gatewayd.fleet.setup import findings, matching
from gatewayd.fleet.setup.errors import SetupError
from gatewayd.fleet.setup.matching import Named

OWN = [Named(1, "Pharmacie du Fleuve"), Named(2, "Mairie")]
FLEET = [Named(1, "Banque"), Named(4, "pharmacie  du FLEUVE"), Named(5, "Mairie"), Named(2, "Mairie")]


def test_companies_of_the_same_name_are_proposed_and_of_several_that_with_the_same_id() -> None:
    assert matching.proposed(matching.questions(OWN, FLEET)) == {1: 4, 2: 2}
    assert matching.proposed(matching.questions(OWN, FLEET[:1])) == {1: None, 2: None}


def test_no_company_is_proposed_twice() -> None:
    twins = [Named(7, "Mairie"), Named(8, "Mairie"), Named(9, "Mairie")]
    assert matching.proposed(matching.questions(twins, FLEET)) == {7: 5, 8: 2, 9: None}


def test_options_are_answers() -> None:
    assert matching.given(["1=5", "2=new"], OWN, FLEET) == {1: 5, 2: None}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["1"], "write OLD=NEW"),
        (["1=Banque"], "write OLD=NEW"),
        (["1=-5"], "write OLD=NEW"),
        (["1=99999999999999999999"], "write OLD=NEW"),
        (["1=5", "1=2"], "names company 1 twice"),
        (["9=1"], "there is no company 9 here"),
        (["1=9"], "there is no company 9 in the fleet; it has: 1 Banque"),
        (["1=5", "2=5"], "two companies of this box cannot both be company 5"),
    ],
)
def test_an_option_that_cannot_be_right_is_refused(options: list[str], told: str) -> None:
    with pytest.raises(SetupError, match=told):
        matching.given(options, OWN, FLEET)


def document(**changes: Any) -> dict[str, Any]:
    """A fleet of two boxes that work."""
    box = {"state": "member", "silent": False, "seen_s": 2.0, "caught_up": True}
    return {
        "name": "bamako",
        "untold": 0,
        "away": None,
        "refused": False,
        "recovering": False,
        "nowhere": 0,
        "doubts": 0,
        "unsafe": [],
        "boxes": [{**box, "name": "bamako"}, {**box, "name": "kayes"}],
        **changes,
    }


def silent(number: int) -> dict[str, Any]:
    found = document()
    found["boxes"][number] |= {"silent": True, "seen_s": 90.0}
    return found


@pytest.mark.parametrize(
    ("fleet", "grade", "told"),
    [
        (document(), Grade.OK, "the boxes that work are: bamako, kayes"),
        (document(away="no route"), Grade.FAULT, "cannot be reached (no route)"),
        (document(away="wrong password", refused=True), Grade.FAULT, "cannot be used: wrong password"),
        (document(name="segou"), Grade.FAULT, "This box (segou) is no member"),
        (silent(0), Grade.FAULT, "has not been heard of for 90 seconds"),
        (silent(1), Grade.WARNING, "These boxes are silent: kayes"),
        (document(recovering=True), Grade.FAULT, "until you say: gatewayd fleet recovered"),
        (document(untold=5000), Grade.WARNING, "5000 outcomes"),
        (document(nowhere=3), Grade.WARNING, "3 messages wait for SIMs of no box"),
        (document(doubts=2), Grade.WARNING, "2 messages are in doubt"),
        (document(unsafe=["fsync"]), Grade.FAULT, "with fsync switched off: a power cut"),
    ],
)
def test_the_check_tells_what_a_person_must_know(fleet: dict[str, Any], grade: Grade, told: str) -> None:
    [finding] = findings.of_document(fleet)
    assert (finding.grade, told in finding.text) == (grade, True), finding
