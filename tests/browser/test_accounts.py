"""Companies, keys, webhooks and statements in a browser, in both languages; names show as text."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenPage, accessibility_faults, overflows, picture
from tests.conftest import Running
from tests.dashboard_visitor import box

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.parametrize(("language", "copied"), [("fr", "Copié"), ("en", "Copied")])
def test_a_company_gets_a_key_and_a_webhook(
    running: Running, open_page: OpenPage, language: str, copied: str
) -> None:
    page = open_page("/companies", language=language)
    page.focus("#name")
    page.keyboard.type(f"Boutique {language}")
    page.keyboard.press("Tab")
    page.keyboard.type("500")
    page.keyboard.press("Enter")
    page.wait_for_selector(f'h1:has-text("Boutique {language}")')
    picture(page, "company")

    page.click('main a[href^="/keys"]')
    page.check("#sandbox")
    page.click("main .card button.primary")
    key = page.inner_text(".secret code")
    assert key.startswith("gw_")
    page.click(".secret button")
    page.wait_for_selector(f'.secret button:has-text("{copied}")')
    page.reload()
    assert key not in page.content()

    page.goto(f"{box(running)}/webhooks")
    page.fill("#url", "http://receiver.invalid/events")
    page.click("main .card button.primary")
    assert page.inner_text(".secret code").startswith("whsec_")
    picture(page, "webhook")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click('form[action$="/remove"] button')
    page.wait_for_selector(".notice.done")

    page.goto(f"{box(running)}/statement")
    picture(page, "statement")
    with page.expect_download() as download:
        page.click('a[href^="/statement.csv"]')
    assert download.value.suggested_filename.endswith(".csv")
    assert page.is_visible("[data-print]")


def test_the_pages_fit_a_small_screen_and_show_names_as_text(running: Running, open_page: OpenPage) -> None:
    company = running.cli("company", "add", "<script>alert(1)</script> \"'")["id"]
    page = open_page("/companies", width=360, dark=True)
    for path in (
        "/companies",
        f"/companies/{company}",
        "/keys",
        "/webhooks",
        f"/statement?company={company}",
    ):
        page.goto(box(running) + path)
        assert not overflows(page), path
        assert accessibility_faults(page) == [], path
    assert "<script>alert(1)</script>" in page.inner_text("main h2")
