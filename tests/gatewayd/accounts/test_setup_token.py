"""The token that opens the set-up."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.accounts.setup_token import SetupToken

TOKEN = SetupToken()


def test_a_token_has_eight_groups_and_is_made_anew() -> None:
    assert re.fullmatch(r"(?:[0-9A-F]{4}-){7}[0-9A-F]{4}", TOKEN.text)
    assert SetupToken().text != TOKEN.text


def test_a_token_is_recognised_as_people_type_it() -> None:
    for typed in (
        TOKEN.text,
        TOKEN.text.lower(),
        TOKEN.text.replace("-", " "),
        f"  {TOKEN.text.replace('-', '')}\n",
        TOKEN.text.replace("0", "O").replace("1", "l"),
    ):
        assert TOKEN.matches(typed), typed
    assert not TOKEN.matches(TOKEN.text[:-1])
    assert not TOKEN.matches(TOKEN.text + "0")


@given(st.text(st.characters(), max_size=300))
def test_no_other_text_is_the_token(typed: str) -> None:
    assert not TOKEN.matches(typed)
