"""Amounts, numbers of texts and dates are read in the forms of operators, and a proposed pattern reads its own answer."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.sims.balance_proposal import propose
from gatewayd.sims.balance_text import DATE, Reading, amount, moment, plain, read

NEW_YEAR = datetime(2027, 1, 1)  # noqa: DTZ001 - local
LATE = datetime(2026, 12, 31, 23, 59)  # noqa: DTZ001
FRENCH = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]
BLANKS = [" ", "\u00a0", "\u202f", "\u2009"]

ANSWERS = {
    "Votre solde est de 1\u202f250 FCFA, valable jusqu'au 31/12/2026.": Reading(1250, None, NEW_YEAR),
    "Solde: 1.250 FCFA": Reading(1250, None, None),
    "Solde: 1250,50 Fcfa": Reading(1250.5, None, None),
    "Solde 1 250 F": Reading(1250, None, None),
    "Bonus 500 F. Solde principal 25 F, fin 31-12-2026 23:59": Reading(25, None, LATE),
    "Credit 300F. Il vous reste 45 SMS jusqu'au 31 décembre 2026 à 23h59": Reading(300, 45, LATE),
    "Il vous reste 0 SMS": Reading(None, 0, None),
    "Forfait: 1\u00a0200 SMS valables jusqu'au 31.12.26": Reading(None, 1200, NEW_YEAR),
    "Au 30/11/2026 votre solde est 300 F": Reading(300, None, None),
    "You have 12 units until 2026-12-31": Reading(None, 12, NEW_YEAR),
    "Solde: 1250": Reading(1250, None, None),
    "Menu 1\n500 FCFA": Reading(500, None, None),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_proposal_reads_what_a_person_reads(answer: str) -> None:
    proposal = propose(answer)
    assert proposal is not None
    assert proposal.reading == ANSWERS[answer]
    assert read(answer, re.compile(proposal.pattern)) == ANSWERS[answer]


@pytest.mark.parametrize(
    ("learned", "later", "reading"),
    [
        ("Votre solde est de 1 250 FCFA", "Cher client, votre solde est de 5 F.", Reading(5, None, None)),
        ("Solde 300 F, 45 SMS, fin 31/12/2026", "Solde 300 F", Reading(300, None, None)),
        ("Solde 300 F, 45 SMS, fin 31/12/2026", "SOLDE 1.000 F, 0 SMS", Reading(1000, 0, None)),
        (
            "Solde 300 F, fin 31/12/2026",
            "Solde 5 F,  fin 1er janvier 2027",
            Reading(5, None, NEW_YEAR + timedelta(1)),
        ),
        ("Solde: 300 F", "Service indisponible", None),
        ("Solde: 300 F", "Bonus: 300 F", None),
        ("Solde 300 F, fin 31/12/2026", "Solde 300 F, fin 31/02/2027", None),  # no such day: not read at all
    ],
)
def test_a_learned_pattern_reads_later_answers_of_the_same_form_only(
    learned: str, later: str, reading: Reading | None
) -> None:
    proposal = propose(learned)
    assert proposal is not None
    assert read(later, re.compile(proposal.pattern)) == reading


@pytest.mark.parametrize("answer", ["", "Code inconnu 12", "Rappelez demain", "1 Solde\n2 Mon numéro"])
def test_an_answer_without_a_balance_gives_no_proposal(answer: str) -> None:
    assert propose(answer) is None


@given(st.text(max_size=200))
def test_any_answer_is_read_without_raising(answer: str) -> None:
    for text in (answer, f"Solde {answer} F", f"{answer} SMS 31/12/2026 {answer}", f"Solde 12{answer}"):
        proposal = propose(text)
        if proposal is not None:
            assert read(text, re.compile(proposal.pattern)) == proposal.reading
    moment(answer)
    amount(answer)


@given(
    st.integers(0, 10**7),
    st.sampled_from([*BLANKS, ".", ",", ""]),
    st.sampled_from(["F", "FCFA", "F CFA", "Fcfa", "XOF"]),
    st.sampled_from(BLANKS),
)
def test_an_amount_is_proposed_in_every_notation(
    value: int, thousands: str, currency: str, blank: str
) -> None:
    answer = f"Votre solde est de {value:,}".replace(",", thousands) + f"{blank}{currency}."
    proposal = propose(answer)
    assert proposal is not None
    assert proposal.reading.amount == value


@given(st.dates(datetime(2000, 1, 1).date(), datetime(2099, 12, 30).date()), st.sampled_from(BLANKS))  # noqa: DTZ001
def test_a_day_is_read_in_every_notation_and_lasts_until_its_midnight(day: datetime, blank: str) -> None:
    midnight = datetime(day.year, day.month, day.day) + timedelta(days=1)  # noqa: DTZ001
    word = FRENCH[day.month - 1]
    for written in (
        f"{day:%d/%m/%Y}",
        f"{day.day}-{day.month}-{day:%Y}",
        f"{day:%d.%m.%y}",
        f"{day:%Y-%m-%d}",
        f"{day.day}{blank}{word}{blank}{day.year}",
        f"{day.day} {word.upper()} {day.year}",
        f"{day.day} {plain(word)[:4]}. {day.year}",
    ):
        assert re.fullmatch(DATE, plain(written), re.IGNORECASE), written
        assert moment(written) == midnight, written
        assert moment(f"{written} 23:59") == midnight - timedelta(minutes=1)
        assert moment(f"{written} à 00h05") == midnight - timedelta(days=1) + timedelta(minutes=5)


@pytest.mark.parametrize(
    "text", ["31/02/2026", "0/1/2026", "12/13/2026", "1 jui 2026", "1 foo 2026", "31/12/2026 25:00", ""]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert moment(text) is None


def test_the_groups_of_a_pattern_may_be_named_in_any_order() -> None:
    pattern = re.compile(rf"(?P<end>{DATE}): (?P<units>[0-9]+) SMS, (?P<amount>[0-9]+) F")
    assert read("31/12/2026: 7 SMS, 9 F", pattern) == Reading(9, 7, NEW_YEAR)
    assert read("31/12/2026: 7 SMS", pattern) is None
