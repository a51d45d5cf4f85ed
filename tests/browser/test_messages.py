"""Messages, campaigns and new messages in a browser: from a pasted table to the campaign, and one message's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.contract_client import in_s, tenant
from tests.browser.conftest import OpenPage, accessibility_faults, overflows, picture
from tests.conftest import Running
from tests.dashboard_visitor import box

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

TABLE = "Prénom;Numéro\nAwa;70 99 20 01\nMoussa;70 99 20 02\nFaux;12"


def look(page: Page, name: str) -> None:
    """Keep a picture, and check the page in one of its languages: both have the same structure."""
    picture(page, name)
    if page.locator("html").get_attribute("lang") == "fr":
        assert accessibility_faults(page) == []


@pytest.mark.parametrize(
    ("language", "shown", "left_out", "sent"),
    [
        ("fr", "2 messages", "1 ligne ne peut pas être envoyée", "2 messages sont acceptés."),
        ("en", "2 messages", "1 row cannot be sent", "2 messages are accepted."),
    ],
)
def test_a_table_is_composed_confirmed_and_sent(
    running: Running, open_page: OpenPage, language: str, shown: str, left_out: str, sent: str
) -> None:
    owner = tenant(running)
    page = open_page("/compose", role="company", company=owner.company, language=language)
    page.fill("#recipients", TABLE)
    page.fill(
        "#text", "Cher {prénom}, l’équipe vous remercie de votre confiance et vous souhaite une bonne année."
    )
    page.wait_for_selector("#preview .bubble:has-text('Cher Awa')")
    look(page, "compose")
    page.click("button[value=cheaper]")
    assert "l'équipe" in page.input_value("#text")
    page.click("button[value=confirm]")
    page.wait_for_selector(f"h2:has-text('{shown}')")
    assert page.locator(f"summary:has-text('{left_out}')").is_visible()
    look(page, "confirmation")
    page.click("button[value=send]")
    page.wait_for_selector(f".notice.done:has-text('{sent}')")
    if language == "fr":  # the page follows the campaign without a reload
        page.wait_for_selector("#campaign-state:has(.badge.good)")
    look(page, "campaign")
    page.click("nav a[href='/campaigns']")
    look(page, "campaigns")
    page.click("nav a[href='/messages']")
    assert page.locator("tbody tr").count() == 2
    look(page, "messages")
    page.click("tbody a >> nth=0")
    page.wait_for_selector(".time-line .good")
    look(page, "message")


def test_the_pages_fit_a_small_dark_screen(running: Running, open_page: OpenPage) -> None:
    owner = tenant(running)
    sms_id = owner.client.send(message="<script>alert(1)</script> \u202eevil " + "x" * 90).data["sms_id"]
    owner.client.bulk([{"recipient": "70992003", "message": "x"}], campaign_id=2**62)
    page = open_page(f"/messages/{sms_id}", role="company", company=owner.company, width=360, dark=True)
    paths = (
        "/messages",
        "/campaigns",
        f"/campaigns/{owner.company}/{2**62}",
        "/compose",
        f"/compose?again={sms_id}",
    )
    for path in (f"/messages/{sms_id}", *paths):
        page.goto(box(running) + path)
        assert not overflows(page), path
        assert accessibility_faults(page) == [], path


def test_a_message_is_sent_and_cancelled_by_keyboard_and_without_javascript(
    running: Running, open_page: OpenPage
) -> None:
    owner = tenant(running)
    page = open_page("/compose", role="company", company=owner.company, language="en", script=False)
    page.focus("#recipients")
    page.keyboard.type("70992004")
    for key in ("Tab", "Tab"):
        page.keyboard.press(key)
    page.keyboard.type("Bonjour")
    for key in ("Tab", "Enter"):  # the options
        page.keyboard.press(key)
    page.fill("#send_at", in_s(7200)[:16])
    page.focus("button[value=confirm]")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Check and send')")
    page.focus("button[value=send]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".notice.done:has-text('The message is accepted.')")
    page.focus("button.danger")
    page.keyboard.press("Enter")
    page.wait_for_selector(".notice.done:has-text('The message is cancelled.')")
