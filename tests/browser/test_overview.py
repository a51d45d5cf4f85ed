"""The overview in a browser: plots, a refresh that leaves the page alone, small screens, and reading without JavaScript."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenPage, accessibility_faults, overflows, picture

_REFRESH = "htmx.ajax('GET', '/overview/live', {source: '#live', target: '#live', swap: 'outerHTML'})"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("language", "dark", "sim_cards"), [("fr", False, "Par carte SIM"), ("en", True, "By SIM card")]
)
def test_the_figures_are_drawn_by_outcome_and_by_sim(
    open_page: OpenPage, language: str, dark: bool, sim_cards: str
) -> None:
    page = open_page("/", language=language, dark=dark)
    page.wait_for_selector(".plot canvas")
    page.get_by_role("radio", name=sim_cards).check()
    page.wait_for_selector(".plot canvas")
    assert accessibility_faults(page) == []
    picture(page, "overview-dark" if dark else "overview")


def test_the_overview_fits_a_small_screen(open_page: OpenPage) -> None:
    page = open_page("/", width=360)
    page.wait_for_selector(".plot canvas")
    page.click("details.card > summary")
    assert not overflows(page)
    assert accessibility_faults(page) == []


def test_a_refresh_without_news_replaces_nothing(open_page: OpenPage) -> None:
    page = open_page("/")
    for _ in range(2):
        with page.expect_response("**/overview/live"):
            page.evaluate(_REFRESH)
        page.evaluate("document.querySelector('#live').dataset.kept = 'yes'")
    assert page.locator("#live[data-kept=yes] .port").count() == 4
    assert page.locator("#box").count() == 1


def test_the_overview_is_read_without_javascript(open_page: OpenPage) -> None:
    page = open_page("/", script=False)
    assert page.locator(".port").count() == 4
    page.click("details.card > summary")
    assert page.locator("details.card table").first.is_visible()
    assert not page.locator(".plots").is_visible()


def test_a_company_has_an_overview_of_its_own(open_page: OpenPage) -> None:
    page = open_page("/", role="company", company=1)
    page.wait_for_selector(".plot canvas")
    assert page.locator(".port").count() == 0
    assert accessibility_faults(page) == []
