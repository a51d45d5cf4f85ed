"""Numbers of clients, SIMs and networks: every plan, patterns of the configuration, and libphonenumber as the reference."""

from __future__ import annotations

import itertools
import re
from contextlib import suppress

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.plans import Plan, countries, plans
from config.settings import NumberSettings, parse
from gatewayd.sims.numbering import E164, Numbering

GUIDE = Numbering(NumberSettings())
MALI = Numbering(NumberSettings(plan="mali"))
COUNTRIES = [key for key in plans() if key != "guide"]
NUMBERINGS = {key: Numbering(NumberSettings(plan=key)) for key in COUNTRIES}
REGIONS = dict(
    zip(COUNTRIES, ("ML", "SN", "CI", "BF", "NE", "GN", "TG", "BJ", "MR", "GH", "NG"), strict=True)
)
COUNTRY_OF_NETWORKS = dict(
    zip(COUNTRIES, ("610", "608", "612", "613", "614", "611", "615", "616", "609", "620", "621"), strict=True)
)
MOBILE = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)

SEPARATORS = [" ", "\u00a0", "\u202f", "\u2009", "\u3000", ".", "-", "(", ")"]
SEPARATORS += [chr(code) for code in (*range(0x2010, 0x2016), 0x2212)]


def of_file(text: str) -> Numbering:
    """The numbering of a [numbers] section."""
    return Numbering(parse(f"[numbers]\n{text}".encode()).numbers)


def read(numbering: Numbering, written: str) -> str | None:
    """The stored form of a number; None: it is refused."""
    try:
        return numbering.e164(written)
    except ValueError:
        return None


def is_mobile(key: str, national: str) -> bool:
    """The type that libphonenumber gives a national number."""
    number = phonenumbers.PhoneNumber(
        country_code=int(plans()[key].numbering.country_code),
        national_number=int(national),
        italian_leading_zero=national.startswith("0") or None,
    )
    return phonenumbers.number_type(number) in MOBILE


# The plan of the guide.


@pytest.mark.parametrize("written", ["+22370123456", "22370123456", "70123456"])
def test_a_number_is_stored_as_e164_in_whatever_form_it_is_written(written: str) -> None:
    assert GUIDE.e164(written) == "+22370123456"


@pytest.mark.parametrize(
    "written",
    [
        *(
            "223701234567",
            "26312345678",
            "22350123456",
            "",
            "70123456\n",
            " 70123456",
            "+70123456",
            "٧٠١٢٣٤٥٦",
        ),
        *(
            "70 12 34 56",
            "+223-70123456",
            "0022370123456",
            "83123456",
            "91234567",
            "+33612345678",
            "７0123456",
        ),
    ],
)
def test_the_guides_plan_accepts_the_numbers_of_the_guide_and_strips_nothing(written: str) -> None:
    with pytest.raises(ValueError, match="recipient"):
        GUIDE.e164(written)


# The plans.


@pytest.mark.parametrize("key", COUNTRIES)
def test_a_plan_is_data_with_sources_and_agrees_with_itself(key: str) -> None:
    plan = plans()[key]
    for facts in (plan.numbering, plan.operators, plan.networks):
        assert facts.source
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", facts.date)
    home = plan.numbering
    assert countries()[home.country_code].lengths == home.lengths
    assert countries()[home.country_code].trunk_prefix == home.trunk_prefix
    assert NUMBERINGS[key].e164(home.example) == f"+{home.country_code}{home.example}"
    for prefixes in plan.operators.begin.values():
        for prefix in prefixes:
            assert any(prefix.startswith(each) or each.startswith(prefix) for each in home.mobile), prefix
    for networks in plan.networks.begin.values():
        assert {network[:3] for network in networks} == {COUNTRY_OF_NETWORKS[key]}
    assert set(plan.networks.begin) <= set(plan.operators.begin)


@pytest.mark.parametrize("key", COUNTRIES)
def test_a_plan_accepts_exactly_the_mobile_numbers_of_libphonenumber(key: str) -> None:
    home = plans()[key].numbering
    length = home.lengths[0]
    libphonenumber_differs = []
    for beginning in map("".join, itertools.product("0123456789", repeat=4)):
        national = (beginning + "0518273")[:length].ljust(length, "4")
        if (read(NUMBERINGS[key], f"+{home.country_code}{national}") is not None) != is_mobile(key, national):
            libphonenumber_differs.append(national)
    assert libphonenumber_differs == []


@given(
    st.sampled_from(COUNTRIES),
    st.sampled_from(["", "0", "{code}", "+{code}", "00{code}", "{international}{code}", "+", "00"]),
    st.text("0123456789", min_size=4, max_size=13),
)
def test_numbers_are_read_as_libphonenumber_reads_them(key: str, before: str, digits: str) -> None:
    home = plans()[key].numbering
    written = before.format(code=home.country_code, international=home.international_prefix) + digits
    if not written.startswith("+") and written.startswith(f"{home.country_code}0") and home.trunk_prefix:
        return  # libphonenumber removes country code and trunk prefix; the contract removes one of them
    if home.international_prefix != "00" and written.startswith("00"):
        return  # libphonenumber has only 009, the contract has 00 in every plan
    try:
        parsed = phonenumbers.parse(written, REGIONS[key])
    except phonenumbers.NumberParseException:
        parsed = phonenumbers.PhoneNumber()
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    is_mobile_number = phonenumbers.number_type(parsed) in MOBILE
    if parsed.country_code == int(home.country_code):
        assert read(NUMBERINGS[key], written) == (e164 if is_mobile_number else None)
    elif is_mobile_number and written == e164:  # a number of another country is checked by its length only
        assert read(NUMBERINGS[key], written) == e164


@given(st.sampled_from(COUNTRIES), st.data())
def test_a_mobile_number_is_read_in_every_form(key: str, data: st.DataObject) -> None:
    home = plans()[key].numbering
    begin = data.draw(st.sampled_from(home.mobile))
    digits = home.lengths[0] - len(begin)
    national = begin + data.draw(st.text("0123456789", min_size=digits, max_size=digits))
    forms = ["", home.country_code, f"+{home.country_code}", f"00{home.country_code}"]
    forms += [f"{home.international_prefix}{home.country_code}"]
    if home.trunk_prefix:
        forms += [home.trunk_prefix, f"+{home.country_code}(0)", f"00{home.country_code} (0) "]
    written = data.draw(st.sampled_from(forms)) + national
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(written)))
        written = written[:at] + data.draw(st.sampled_from(SEPARATORS)) + written[at:]
    assert NUMBERINGS[key].e164(written) == f"+{home.country_code}{national}"


@pytest.mark.parametrize(
    ("key", "written", "stored"),
    [
        ("mali", "50 12 34 56", "+22350123456"),
        ("mali", "82.12.34.56", "+22382123456"),
        ("mali", "+223 91-23-45-67", "+22391234567"),
        ("mali", "20 21 23 45", None),  # a fixed line
        ("mali", "070123456", None),  # there is no trunk prefix
        ("mali", "33612345678", None),
        ("mali", "+33 6 12 34 56 78", "+33612345678"),
        ("mali", "0033612345678", "+33612345678"),
        ("mali", "+33 (0) 6 12 34 56 78", "+33612345678"),
        ("mali", "+44 (0) 7911 123456", "+447911123456"),
        ("mali", "+3361234567", None),  # a digit is missing
        ("mali", "+70123456", None),  # a national number after a +
        ("mali", "+999123456789", None),
        ("mali", "+0022370123456", None),
        ("mali", "++22370123456", None),
        ("mali", "70123456+", None),
        ("mali", "7012345６", None),
        ("mali", "＋22370123456", None),
        ("mali", "+223٧٠١٢٣٤٥٦", None),
        ("mali", "70123456\n", None),
        ("mali", "70\t123456", None),
        ("mali", "", None),
        ("mali", " - ", None),
        ("senegal", "71 234 56 78", "+221712345678"),
        ("senegal", "75 234 56 78", "+221752345678"),
        ("senegal", "33 821 23 45", None),
        ("cote_d_ivoire", "07 01 02 03 04", "+2250701020304"),
        ("cote_d_ivoire", "+225 07 01 02 03 04", "+2250701020304"),
        ("cote_d_ivoire", "01 02 03 04", None),  # eight digits, until 2021
        ("cote_d_ivoire", "701020304", None),  # the 0 belongs to the number
        ("benin", "01 97 12 34 56", "+2290197123456"),
        ("benin", "97 12 34 56", None),  # eight digits, until 2024
        ("ghana", "+233 (0) 24 412 3456", "+233244123456"),
        ("ghana", "0244123456", "+233244123456"),
        ("ghana", "233244123456", "+233244123456"),
        ("ghana", "2330244123456", None),
        ("ghana", "030 212 3456", None),
        ("nigeria", "0803-123-4567", "+2348031234567"),
        ("nigeria", "009 234 803 123 4567", "+2348031234567"),
        ("nigeria", "00 234 803 123 4567", "+2348031234567"),
        ("nigeria", "00 92 348 1234567", "+923481234567"),  # Pakistan, by 00
        ("nigeria", "8031234567", "+2348031234567"),
    ],
)
def test_real_numbers_are_read(key: str, written: str, stored: str | None) -> None:
    assert read(NUMBERINGS[key], written) == stored


# Settings that override the plan.


@pytest.mark.parametrize(
    ("country_code", "pattern", "spellings", "stored"),
    [
        (
            "233",
            r"^(\+?233|0)[25][0-9]{8}$",
            ("0244123456", "233244123456", "+233244123456"),
            "+233244123456",
        ),
        (
            "234",
            r"^(\+?234|0)?[789][01][0-9]{8}$",
            ("08031234567", "8031234567", "2348031234567"),
            "+2348031234567",
        ),
        (
            "225",
            r"^(\+?225)?0[157][0-9]{8}$",
            ("0701020304", "2250701020304", "+2250701020304"),
            "+2250701020304",
        ),
        ("33", r"^(\+?33|0)[67][0-9]{8}$", ("0612345678", "33612345678", "+33612345678"), "+33612345678"),
        ("33", r"^0[67][0-9]{8}$", ("0612345678",), "+33612345678"),
        ("254", r"^(?:\+?254|0)[17][0-9]{8}$", ("0712345678", "254712345678"), "+254712345678"),
        ("237", r"^(\+?237)?6[0-9]{8}$", ("671234567", "237671234567"), "+237671234567"),
        ("7", r"^(\+?7|8)?9[0-9]{9}$", ("9161234567", "89161234567", "79161234567"), "+79161234567"),
        ("7", r"^(\+?7)?[79][0-9]{9}$", ("7123456789", "77123456789"), "+77123456789"),
        ("223", r"^(\+?223|0)?[5-9][0-9]{7}$", ("070123456", "70123456"), "+22370123456"),
        ("223", r"^\+?[0-9]{8,15}$", ("70123456", "22370123456", "0022370123456"), "+22370123456"),
        ("234", r"^\+?[0-9]{8,15}$", ("08031234567", "8031234567", "2348031234567"), "+2348031234567"),
        (
            "233",
            r"^(\+?233)?0?[25][0-9]{8}$",
            ("+2330244123456", "2330244123456", "244123456"),
            "+233244123456",
        ),
        (
            "233",
            r"^(\+?233)?0[25][0-9]{8}$",
            ("0244123456", "+2330244123456", "2330244123456"),
            "+233244123456",
        ),
        # A length that is in no table yet: the pattern allows it.
        ("229", r"^(\+?229)?02[0-9]{10}$", ("021234567890", "229021234567890"), "+229021234567890"),
        ("999", r"^(\+?999|0)[1-9][0-9]{7}$", ("012345678", "99912345678"), "+99912345678"),
    ],
)
def test_a_pattern_of_the_file_is_read_in_all_its_spellings(
    country_code: str, pattern: str, spellings: tuple[str, ...], stored: str
) -> None:
    numbering = of_file(f"country_code = '{country_code}'\npattern = '{pattern}'")
    assert {spelling: read(numbering, spelling) for spelling in spellings} == dict.fromkeys(spellings, stored)


@pytest.mark.parametrize(
    "written",
    [
        "33612345678",
        "447911123456",
        "14155552671",
        "22333612345678",
        "223223701234",
        "33612345",
        "٧٠١٢٣٤٥٦",
        "70 123 456",
    ],
)
def test_a_pattern_that_matches_everything_makes_no_foreign_number_a_national_one(written: str) -> None:
    for pattern in (r"^\+?[0-9]{8,15}$", r"^\+?\d{8,15}$", r"^[+\d ]{8,15}$"):
        assert read(of_file(f"country_code = '223'\npattern = '{pattern}'"), written) is None


def test_a_pattern_may_match_numbers_of_other_countries_with_a_plus() -> None:
    numbering = of_file(r"pattern = '^\+?[0-9]{8,15}$'")
    assert read(numbering, "+33612345678") == "+33612345678"
    assert read(numbering, "+0612345678") is None


def test_a_pattern_narrows_a_plan_in_every_form_that_the_plan_reads() -> None:
    numbering = of_file("plan = 'ghana'\npattern = '^\\+23324[0-9]{7}$'")
    for written in ("024 412 3456", "00233 24 412 3456", "+233 (0)24 412 3456", "244123456"):
        assert read(numbering, written) == "+233244123456"
    for written in ("054 412 3456", "+33612345678", "+233544123456"):
        assert read(numbering, written) is None


def test_a_country_code_of_the_file_overrides_the_plans() -> None:
    numbering = of_file("plan = 'mali'\ncountry_code = '226'")
    assert read(numbering, "70 12 34 56") == "+22670123456"
    assert read(numbering, "+223 70 12 34 56") == "+22370123456"  # now a number of another country


@given(
    st.sampled_from(["", "+", "00", "0", "223", "+223", "233", "+233", "234", "225"]),
    st.text("0123456789 -.()٣７+", max_size=18),
    st.sampled_from(
        [
            *(f"plan = '{key}'" for key in plans()),
            *(
                f"country_code = '{code}'\npattern = '^\\+?[\\d ]{{3,20}}$'"
                for code in ("1", "7", "33", "223", "233", "999")
            ),
            r"pattern = '.*'",
            "plan = 'ghana'\npattern = '.*'",
        ]
    ),
)
def test_a_stored_number_is_e164_and_reads_as_itself(before: str, digits: str, section: str) -> None:
    numbering = of_file(section)
    stored = read(numbering, before + digits)
    if stored is not None:
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", stored)
        assert stored.isascii()
        assert read(numbering, stored) == stored


@given(st.text())
def test_other_texts_raise_value_error_only(written: str) -> None:
    for numbering in (GUIDE, *NUMBERINGS.values()):
        with suppress(ValueError):
            assert E164.fullmatch(numbering.e164(written))
        numbering.of_line(written)
        numbering.of_card(written)
        with suppress(ValueError):
            assert E164.fullmatch(numbering.own(written))


# Operators.


def test_the_longest_prefix_decides_the_operator() -> None:
    plan = Numbering(NumberSettings(operators={"Orange": ("7",), "Moov": ("79", "6")}))
    numbers = [f"+223{national}" for national in ("70000000", "79000000", "60000000", "50000000")]
    assert [plan.operator(number) for number in numbers] == ["Orange", "Moov", "Moov", ""]


@pytest.mark.parametrize(
    ("key", "number", "operator"),
    [
        ("mali", "+22389123456", "Malitel"),
        ("mali", "+22391234567", "Orange"),
        ("mali", "+22350123456", "Telecel"),
        ("mali", "+221771234567", ""),
        ("senegal", "+221761234567", "Yas"),
        ("cote_d_ivoire", "+2250501020304", "MTN"),
        ("burkina_faso", "+22678123456", "Telecel"),
        ("niger", "+22796123456", "Airtel"),
        ("benin", "+2290142123456", "MTN"),
        ("benin", "+2290147123456", "Celtiis"),
        ("ghana", "+233201234567", "Telecel"),
        ("nigeria", "+2347025123456", "MTN"),
    ],
)
def test_a_plan_knows_the_operators(key: str, number: str, operator: str) -> None:
    assert NUMBERINGS[key].operator(number) == operator


def test_the_operator_of_a_sim_is_its_home_operator_also_while_it_roams() -> None:
    plan = Numbering(NumberSettings(networks={"Orange": ("61002",), "Other": ("610021",)}))
    imsis = ("610020000000001", "610021000000001", "208010000000001", "")
    assert [plan.home_operator(imsi) for imsi in imsis] == ["Orange", "Other", "", ""]
    assert NUMBERINGS["ghana"].home_operator("620060000000001") == "AirtelTigo"


# SIMs and networks.


@pytest.mark.parametrize(
    ("key", "line", "number"),
    [
        ("mali", "70123456", "+22370123456"),
        ("mali", "22370123456", "+22370123456"),
        ("mali", "0022370123456", "+22370123456"),
        ("mali", "+0022370123456", "+22370123456"),
        ("mali", "+70123456", "+22370123456"),  # a national number that is called international
        ("mali", "+33612345678", "+33612345678"),
        ("mali", "0033612345678", "+33612345678"),
        ("mali", "20212345", "+22320212345"),
        ("ghana", "0244123456", "+233244123456"),
        ("ghana", "+0244123456", "+233244123456"),
        ("ghana", "+2330244123456", "+233244123456"),
        ("ghana", "2330244123456", "+233244123456"),
        ("nigeria", "009234803123456", "009234803123456"),
        ("cote_d_ivoire", "+22501020304", "22501020304"),  # the eight digits of before 2021
        ("mali", "12", "12"),
        ("mali", "", ""),
        ("mali", "Orange", "Orange"),
    ],
)
def test_a_line_is_read_in_the_forms_that_sims_and_networks_use(key: str, line: str, number: str) -> None:
    assert NUMBERINGS[key].of_line(line) == number


def test_the_guides_plan_also_reads_lines_to_which_it_does_not_send() -> None:
    assert [GUIDE.of_line(line) for line in ("50123456", "0022370123456", "70123456")] == [
        *("+22350123456", "+22370123456", "+22370123456")
    ]


def test_a_national_number_on_a_card_is_stored_as_e164() -> None:
    assert [GUIDE.of_card(number) for number in ("70123456", "+22370123456", "12", "")] == [
        *("+22370123456", "+22370123456", "12", "")
    ]
    assert MALI.of_card("+22352123456789") == "+22352123456789", "a number of a machine"


def test_the_number_of_a_sim_may_be_any_line() -> None:
    assert MALI.own("+223 20 21 23 45") == "+22320212345"
    assert MALI.own("70 12 34 56") == "+22370123456"
    for wrong in ("", "12", "+12", "twelve", "+223 70 12 34 56 x", "+99999999999999999"):
        with pytest.raises(ValueError, match=r"\+22365012345"):
            MALI.own(wrong)


def test_the_table_of_countries_agrees_with_libphonenumber() -> None:
    assert set(countries()) <= {str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE}
    for code, country in countries().items():
        for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(code)]:
            example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
            if example is not None:
                national = phonenumbers.national_significant_number(example)
                assert len(national) in country.lengths, region
                assert read(MALI, f"+{code} {national}") == f"+{code}{national}" or code == "223"


def test_every_plan_of_the_contract_exists() -> None:
    assert [plan.name for plan in plans().values() if isinstance(plan, Plan)] == [
        *("guide", "Mali", "Senegal", "Côte d'Ivoire", "Burkina Faso", "Niger", "Guinea", "Togo", "Benin"),
        *("Mauritania", "Ghana", "Nigeria"),
    ]
