"""The meaning of error codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem import error_tables
from modem.at.responses import Result, result
from modem.error_tables import Behaviour
from modem.errors import Cause, Kind, cause, code_of


@given(st.text(max_size=10), st.none() | st.integers(), st.text(max_size=30), st.text(max_size=10))
def test_anything_has_a_cause(family: str, code: int | None, text: str, vendor: str) -> None:
    found = cause(family, code, text, vendor=vendor)
    assert isinstance(found, Cause)
    assert found.reason
    assert found.reason_fr
    assert found.kind in Kind


@given(
    st.sampled_from(["CMS", "CME"]), st.integers(0, 4000), st.sampled_from(["", *error_tables.CMS_BY_VENDOR])
)
def test_every_code_has_a_sentence_in_both_languages_and_keeps_its_number(
    family: str, code: int, vendor: str
) -> None:
    found = cause(family, code, vendor=vendor)
    assert (found.family, found.code) == (family, code)
    assert found.text == f"{found.reason} / {found.reason_fr} (+{family} ERROR: {code})"
    assert found.reason != found.reason_fr


@pytest.mark.parametrize(
    ("family", "code", "kind"),
    [
        ("CMS", 1, Kind.RECIPIENT),
        ("CMS", 195, Kind.RECIPIENT),
        ("CMS", 8, Kind.SIM),
        ("CMS", 21, Kind.SIM),
        ("CMS", 310, Kind.SIM),
        ("CMS", 38, Kind.MOMENT),
        ("CMS", 42, Kind.MOMENT),
        ("CMS", 7, Kind.MOMENT),  # 24.011: an unnamed code counts as 41
        ("CMS", 331, Kind.MOMENT),
        ("CMS", 304, Kind.CONFIGURATION),
        ("CMS", 330, Kind.CONFIGURATION),
        ("CMS", 99999, Kind.MOMENT),
        ("CME", 10, Kind.SIM),
        ("CME", 14, Kind.MOMENT),
        ("CME", 4, Kind.CONFIGURATION),
        ("ERROR", None, Kind.MOMENT),
        ("LOCAL", 1, Kind.SIM),
    ],
)
def test_the_kind_of_a_failure(family: str, code: int | None, kind: Kind) -> None:
    assert cause(family, code).kind is kind


# Every code of 24.011, 23.040 and 27.005, and the common codes of vendors, by the kind of the failure.
BY_KIND = {
    Kind.RECIPIENT: (1, 30, 195, 196),
    Kind.SIM: (8, 10, 21, 28, 29, 50, 69, 193, 209, 210, 212, 213, 300, *range(310, 314), *range(315, 319), 320, 770, 772),
    Kind.MOMENT: (
        0, 17, 22, 27, 38, 41, 42, 47, 81, 127, 192, 194, 197, 208, 211, 255, 301, 302, 314, 321, 322, 331, 332, 340, 500,
        *range(512, 516), 521, 522, *range(526, 533), 535, 604, 615, 616,
    ),
    Kind.CONFIGURATION: (
        *range(95, 100), 111, *range(128, 146), 159, 160, 161, 175, 176, 198, 199, 303, 304, 305, 330, 350,
        *range(516, 521), 538, *range(549, 555),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "code"), [(kind, code) for kind, codes in BY_KIND.items() for code in codes]
)
def test_every_cms_code_has_its_kind(kind: Kind, code: int) -> None:
    assert cause("CMS", code).kind is kind


def test_every_cms_code_is_in_the_table_of_kinds() -> None:
    assert set(error_tables.CMS) <= {code for codes in BY_KIND.values() for code in codes}


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (
            Kind.SIM,
            (0, 1, 5, 6, 7, 10, 11, 12, 13, 15, 16, 17, 18, 23, 32, *range(40, 49), 54, 56, 60, 62, 102, 103, 105, 106,
             107, 108, 111, 112, 113, 114, 133),
        ),
        (
            Kind.MOMENT,
            (2, 3, 14, 20, 30, 31, 51, 52, 53, 55, 57, 63, 100, 104, 109, 110, 115, 134, 148, 149, 150,
             *range(257, 265), 515, 3517),
        ),
        (Kind.CONFIGURATION, (4, 21, 22, *range(24, 28), 49, 50, 58, 59, 61, 132)),
    ],
    ids=["sim", "moment", "configuration"],
)  # fmt: skip
def test_every_cme_code_has_its_kind(kind: Kind, codes: tuple[int, ...]) -> None:
    assert [code for code in codes if cause("CME", code).kind is not kind] == []


def test_the_same_number_means_different_things_per_vendor() -> None:
    assert cause("CMS", 515, vendor="wavecom").kind is Kind.MOMENT  # please wait
    assert cause("CMS", 515, vendor="quectel").kind is Kind.SIM  # storage failure
    assert cause("CMS", 515, vendor="siemens").kind is Kind.CONFIGURATION  # bad character in address
    assert cause("CMS", 21).reason != cause("CME", 21).reason


@pytest.mark.parametrize(
    ("line", "family", "code"),
    [
        ("+CME ERROR: SIM busy", "CME", 14),
        ("+CMS ERROR: SIM busy", "CMS", 314),
        ("+CMS ERROR: network timeout", "CMS", 332),
        ("+CME ERROR: no network service", "CME", 30),
        ("+CME ERROR: SIM not inserted", "CME", 10),
        ("+CME ERROR: Network personalization PIN required", "CME", 40),
        ("+CME ERROR: something new", "CME", None),
        ("+CME ERROR: ", "CME", None),
    ],
)
def test_verbose_errors_have_the_same_cause(line: str, family: str, code: int | None) -> None:
    found = result(line)
    assert found is not None
    assert found.cause() == cause(family, code)


@pytest.mark.parametrize("family", ["CMS", "CME"])
def test_names_lead_to_codes(family: str) -> None:
    table = error_tables.CMS if family == "CMS" else error_tables.CME
    for code, row in table.items():
        if row[1]:
            named = code_of(family, row[1])
            assert named is not None
            assert table[named][1] == row[1]
            assert named <= code


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("+CMS ERROR: no credit left", "(+CMS ERROR: no credit left)"),
        ("+CMS ERROR:Low\tbalance \x07", "(+CMS ERROR: Low balance)"),
        ("+CME ERROR: " + "x" * 200, f"(+CME ERROR: {'x' * 80})"),
        ("+CMS ERROR: SIM busy", "(+CMS ERROR: 314)"),
        ("+CMS ERROR: 38", "(+CMS ERROR: 38)"),
    ],
)
def test_unknown_words_are_kept_for_the_operator(line: str, told: str) -> None:
    found = result(line)
    assert found is not None
    assert found.cause().text.endswith(told)
    assert found.cause().text_en.endswith(told)


@pytest.mark.parametrize("line", ["ERROR", "+CME ERROR: ", "+CMS ERROR:"])
def test_without_words_nothing_is_added(line: str) -> None:
    found = result(line)
    assert found is not None
    assert found.cause().text_en == found.cause().reason


FULL = [("CMS", 208, ""), ("CMS", 211, ""), ("CMS", 322, ""), ("CME", 20, ""), ("CMS", 531, "quectel")]
UNKNOWN = [
    ("CMS", 332, ""),
    ("CME", 31, ""),
    ("CMS", 521, "simcom"),
    ("CMS", 521, "siemens"),
    ("CMS", 521, ""),
]
MALFORMED = [
    ("CMS", 304, ""),
    ("CMS", 517, "simcom"),
    ("CMS", 516, "siemens"),
    ("CMS", 518, "simcom"),
    ("CMS", 520, "simcom"),
    ("CMS", 513, "quectel"),
]


@pytest.mark.parametrize(("family", "code", "vendor"), [*FULL, *UNKNOWN, *MALFORMED])
def test_full_memory_unknown_outcome_and_malformed_commands(family: str, code: int, vendor: str) -> None:
    found = cause(family, code, vendor=vendor)
    row = (family, code, vendor)
    told = (found.storage_full, found.outcome_unknown, found.malformed)
    assert told == (row in FULL, row in UNKNOWN, row in MALFORMED)


# Every code with a behaviour. BUSY holds whatever the vendor: the vendor may be unknown when the code comes.
BEHAVIOURS: dict[Behaviour, set[tuple[str, int | None]]] = {
    Behaviour.BUSY: {("CMS", 314), ("CMS", 515), ("CMS", 532), ("CME", 14), ("CME", 515)},
    Behaviour.UNKNOWN_COMMAND: {
        ("ERROR", None),
        ("CMS", 302),
        ("CMS", 303),
        ("CME", 3),
        ("CME", 4),
        ("CME", 100),
    },
    Behaviour.OTHER_USSD_FORM: {("ERROR", None), *(("CME", code) for code in (3, 4, 24, 25, 26, 27, 50))},
    Behaviour.WRONG_MODE: {("CMS", 304), ("CMS", 305), ("LOCAL", 7)},
    Behaviour.REPEAT_ONCE: {("CMS", 305)},
    Behaviour.NO_SUCH_INDEX: {("CMS", 321), ("CME", 21), ("CME", 22)},
    Behaviour.NO_SERVICE_CENTRE: {("CMS", 330)},
    Behaviour.NO_NETWORK: {("CMS", 302), ("CMS", 331), ("CME", 3), ("CME", 30), ("CME", 32)},
    Behaviour.MODEM_FAILED: {("CMS", 300), ("CME", 0), ("CME", 1), ("CME", 60)},
    Behaviour.REFUSES_AT: {("CME", code) for code in (5, 6, 7, 10, 11, 12, 13, 15)},
    Behaviour.SIM_TROUBLE: {
        *(("CMS", code) for code in (310, 311, 312, 313, 315, 316)),
        *(("CME", code) for code in (5, 6, 7, 10, 11, 12, 13, 15, *range(40, 49))),
    },
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("vendor", ["", *error_tables.CMS_BY_VENDOR])
def test_the_codes_of_each_behaviour(behaviour: Behaviour, vendor: str) -> None:
    codes: list[tuple[str, int | None]] = [("ERROR", None), ("CMS", None), ("CME", None)]
    codes += [(family, code) for family in ("CMS", "CME", "LOCAL") for code in range(1000)]
    found = {each for each in codes if cause(*each, vendor=vendor).behaviour & behaviour}
    assert found - BEHAVIOURS[behaviour] == set()
    missing = BEHAVIOURS[behaviour] - found
    assert {code for _, code in missing} <= ({532} if vendor else set())


def test_a_full_memory_in_words_is_a_full_memory() -> None:
    for line in ("(U)SIM SMS storage full", "Memory capacity exceeded", "memory full"):
        found = result(f"+CMS ERROR: {line}")
        assert found is not None
        assert found.cause().storage_full


def test_a_failure_without_a_code_is_final() -> None:
    assert result("COMMAND NOT SUPPORT") == Result("ERROR")
    assert result("+EXT ERROR: 5") == Result("ERROR", 5)
    assert result("+CMS ERROR:500") == Result("CMS", 500)
    assert result("ERROR?") is None
    assert result("0") is None
    assert result("0", numeric=True) == Result("OK")
