"""The frame of every page: log-in by keyboard, the menu, languages, small screens, and reading without JavaScript."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenPage, accessibility_faults, overflows, picture
from tests.conftest import Running
from tests.dashboard_visitor import PASSWORD, add_person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.parametrize(("language", "title"), [("fr", "Vue d'ensemble"), ("en", "Overview")])
def test_a_person_logs_in_by_keyboard(
    running: Running, open_page: OpenPage, language: str, title: str
) -> None:
    login = add_person(running, "owner")
    page = open_page("/", role=None, language=language)
    assert accessibility_faults(page) == []
    picture(page, "login")
    page.focus("#login")
    page.keyboard.type(login)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(f'h1:has-text("{title}")')
    assert accessibility_faults(page) == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_frame_fits_a_small_screen(open_page: OpenPage, dark: bool) -> None:
    page = open_page("/", width=360, dark=dark)
    assert not overflows(page)
    assert accessibility_faults(page) == []
    page.click("summary")
    page.click("nav a >> nth=0")


def test_a_page_is_read_without_javascript(open_page: OpenPage) -> None:
    page = open_page("/", script=False)
    assert page.locator("nav a").first.is_visible()
