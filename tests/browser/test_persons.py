"""Persons, the own account and the audit log in a browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenPage, accessibility_faults, overflows, picture
from tests.dashboard_visitor import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

HOSTILE = "<script>alert(1)</script>\"'&\u202e"


@pytest.mark.parametrize(("language", "title"), [("fr", "Personnes"), ("en", "Persons")])
def test_an_owner_adds_a_person(open_page: OpenPage, language: str, title: str) -> None:
    page = open_page("/persons", language=language)
    assert page.inner_text("h1") == title
    page.fill("#name", HOSTILE.replace("\u202e", ""))
    page.fill("#login", f"person-{language}")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".notice.done")
    assert "<script>" in page.inner_text("h1")  # shown as text
    for path, name in (("/persons", "persons"), ("/account", "account"), ("/audit", "audit")):
        page.goto(page.url.partition("/persons")[0].partition("/account")[0] + path)
        picture(page, name)
        assert accessibility_faults(page) == []
        page.set_viewport_size({"width": 360, "height": 800})
        assert not overflows(page)
        page.set_viewport_size({"width": 1280, "height": 900})


def test_a_page_is_not_shown_after_the_log_out(open_page: OpenPage) -> None:
    page = open_page("/account", language="en")
    page.click('button:has-text("Log out")')
    page.wait_for_selector("#login")
    page.go_back()
    page.wait_for_selector("#login")
    assert page.locator("text=My account").count() == 0
