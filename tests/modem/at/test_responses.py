"""The fields of a line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modem.at.responses import fields


@given(st.lists(st.sampled_from(["+CMGS", ":", ",", '"', " ", "\t", "12", "SM"]), max_size=12).map("".join))
def test_fields_are_split_at_commas_outside_quotes(line: str) -> None:
    found = [""]
    quoted = False
    for char in line.partition(":")[2]:
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            found.append("")
        else:
            found[-1] += char
    assert fields(line) == [field.strip() for field in found]
