"""The set-up in a browser, from a bare box to the first delivered text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bare_box import bare_box
from tests.browser.conftest import OpenPage, accessibility_faults, opener, overflows, picture
from tests.conftest import Running
from tests.dashboard_visitor import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PHONE = "+22370123456"


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Running]:
    """A bare box whose SIM cards ask for a PIN."""
    with bare_box(tmp_path, pin="1234") as running:
        yield running


@pytest.fixture
def open_bare(bare: Running, browser: Browser) -> Iterator[OpenPage]:
    """Opens pages of the bare box."""
    pages = opener(bare, browser)
    yield next(pages)
    next(pages, None)


def look(page: Page, name: str) -> None:
    """Keep a picture of a step, and check that anybody can use it."""
    picture(page, name)
    assert accessibility_faults(page) == [], name
    page.set_viewport_size({"width": 360, "height": 800})
    assert not overflows(page), name
    page.set_viewport_size({"width": 1280, "height": 900})


def press_to(page: Page, selector: str) -> None:
    """Go to a control by keyboard, as a person without a mouse does."""
    for _ in range(60):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"the keyboard does not reach {selector}")


def test_a_technician_sets_up_the_box_in_french_by_keyboard(bare: Running, open_bare: OpenPage) -> None:
    page = open_bare("/", role=None, language="fr")
    page.wait_for_selector('h1:has-text("Bienvenue")')
    look(page, "setup-first")
    token = bare.cli_raw("dashboard-token").stdout.strip()
    for selector, typed in (
        ("#token", token.lower().replace("-", " ")),
        ("#name", "Fatou Diarra"),
        ("#login", "fatou"),
        ("#password", PASSWORD),
    ):
        press_to(page, selector)
        page.keyboard.type(typed)
    page.keyboard.press("Enter")
    page.wait_for_selector('h2:has-text("Horloge")')
    look(page, "setup-box")
    press_to(page, 'form[action="/start/modems/search"] button')
    page.keyboard.press("Enter")
    page.wait_for_selector("#use-1")
    look(page, "setup-modems")
    press_to(page, "#pin-0")
    page.keyboard.type("1234")
    press_to(page, "#pin-1")
    page.keyboard.type("1234")
    page.keyboard.press("Enter")
    page.wait_for_selector('.notice.done:has-text("utilisés")')
    page.click('a.button:has-text("Continuer")')
    page.wait_for_selector("form[action^='/start/sims/'] >> nth=1")  # the page follows the modems by itself
    first = page.locator("form[action^='/start/sims/'] >> nth=0")
    first.locator("input[name=holder]").fill("Pharmacie du Fleuve")
    first.locator("button").click()
    page.wait_for_selector(".notice.done")
    look(page, "setup-sims")
    page.click('a.button:has-text("Continuer")')
    page.fill("#name", "Pharmacie du Fleuve")
    look(page, "setup-company")
    page.keyboard.press("Enter")
    page.wait_for_selector("#recipient")
    page.fill("#recipient", PHONE)
    page.keyboard.press("Enter")
    page.wait_for_selector('#live:has-text("Le boîtier fonctionne")')
    look(page, "setup-test")
    page.click('a.button:has-text("Continuer")')
    page.click('button:has-text("Créer une clé")')
    page.wait_for_selector("details pre")
    page.click("details summary >> nth=1")
    look(page, "setup-key")
    page.click("[data-copy] >> nth=1")
    page.wait_for_selector('button:has-text("Copié")')
    page.click('a.button:has-text("Continuer")')
    page.wait_for_selector('h2:has-text("Le boîtier est prêt")')


def test_the_set_up_works_without_javascript_in_english(bare: Running, open_bare: OpenPage) -> None:
    page = open_bare("/", role=None, language="en", script=False)
    page.fill("#token", bare.cli_raw("dashboard-token").stdout)
    page.fill("#login", "john")
    page.fill("#password", PASSWORD)
    page.click('button:has-text("Begin")')
    page.click('button:has-text("search for modems")')
    page.wait_for_selector("#use-1")  # the page loads itself again
    page.fill("#pin-0", "1234")
    page.uncheck("#use-1")
    page.click('button:has-text("Use the chosen modems")')
    page.wait_for_selector(".notice.done")
    page.goto(page.url.replace("modems", "sims"))
    page.wait_for_selector("form[action^='/start/sims/']")
    page.goto(page.url.replace("sims", "company"))
    page.fill("#name", "Shop")
    page.click('button:has-text("Add")')
    page.fill("#recipient", PHONE)
    page.click('button:has-text("Send")')
    page.wait_for_selector('#live:has-text("The box works")')
