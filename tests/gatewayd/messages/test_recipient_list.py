"""Lists of recipients as people paste them and as spreadsheets write them."""

from __future__ import annotations

import csv
from contextlib import suppress
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.messages.recipient_list import (
    RecipientListError,
    column_key,
    decoded,
    filled,
    names_in,
    parsed,
    written_by_spreadsheet,
)

TABLE = "Prénom;Numéro;Solde\nAwa;70 12 34 56;1 500\nMoussa;+22370123457;0\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("\n \n", []),
        ("70123456", [(1, "70123456")]),
        ("70123456\r\n+223 70 12 34 57\n\n70-12-34-58", [(1, "70123456"), (2, "+223 70 12 34 57"), (4, "70-12-34-58")]),
        ("70123456, 70123457;", [(1, "70123456"), (1, "70123457")]),
        ("70123456;70123457", [(1, "70123456"), (1, "70123457")]),
        ("70123456, 70123457\n70123458;70123459", [(1, "70123456"), (1, "70123457"), (2, "70123458"), (2, "70123459")]),
        ("70123456\t70123457", [(1, "70123456"), (1, "70123457")]),
        ("Awa;70123456\nMoussa;70123457", [(1, "70123456"), (2, "70123457")]),
        ("70123456\nabc", [(1, "70123456"), (2, "abc")]),
        ('="70123456"\n\'70123457', [(1, "70123456"), (2, "70123457")]),
        ("\ufeffsep=;\nnumber;x\n70123456;1", [(3, "70123456")]),
        (TABLE, [(2, "70 12 34 56"), (3, "+22370123457")]),
        ("nom,cellule\nAwa,70123456", [(2, "70123456")]),
        ('number,name\n70123456,"Traoré, Awa\nBamako"\n70123457,B', [(2, "70123456"), (4, "70123457")]),
        ("number\n\n70123456", [(3, "70123456")]),
    ],
)  # fmt: skip
def test_the_numbers_of_a_list(text: str, found: list[tuple[int, str]]) -> None:
    assert [(row.line, row.number) for row in parsed(text).rows] == found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_a_file_of_a_spreadsheet_is_read_in_its_encoding(encoding: str) -> None:
    read = parsed(decoded(TABLE.encode(encoding)))
    assert read.columns == ("Prénom", "Numéro", "Solde")
    assert filled("Cher {prenom}, solde {SOLDE} {x}", read.rows[0].values) == "Cher Awa, solde 1 500 {x}"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_quoted_cells_hold_separators_and_lines(separator: str) -> None:
    out = StringIO()
    cells = ['a "b"', f"x{separator}y", "l1\nl2"]
    csv.writer(out, delimiter=separator).writerows([["numero", "a", "b", "c"], ["70123456", *cells]])
    (row,) = parsed(out.getvalue()).rows
    assert [row.values[key] for key in "abc"] == cells


def test_a_table_without_a_number_is_refused() -> None:
    with pytest.raises(RecipientListError):
        parsed("nom;ville\nAwa;Bamako")


def test_names_in_braces() -> None:
    assert names_in("{a} {b c} {a} {} { {d}") == ("a", "b c", "d")
    assert column_key(" Pré nom ") == column_key("prenom")
    assert written_by_spreadsheet("2,23701E+10")
    assert not written_by_spreadsheet("70123456")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(RecipientListError):
        lines = [row.line for row in parsed(text).rows]
        assert lines == sorted(lines)
        assert all(1 <= line <= text.count("\n") + text.count("\r") + 1 for line in lines)


@given(st.binary())
def test_any_file_is_decoded_and_read_or_refused(raw: bytes) -> None:
    with suppress(RecipientListError):
        parsed(decoded(raw))


@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=4)), st.sampled_from(",;\t")
)
def test_any_table_is_read_or_refused(rows: list[list[str]], separator: str) -> None:
    out = StringIO()
    csv.writer(out, delimiter=separator).writerows([["number", "a", "b"], *rows])
    with suppress(RecipientListError):
        parsed(out.getvalue())


def test_a_field_beyond_every_bound_is_refused() -> None:
    with pytest.raises(RecipientListError):
        parsed('number\n"' + "1" * 200_000)
