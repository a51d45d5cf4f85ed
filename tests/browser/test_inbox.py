"""Conversations and opt-outs in a real browser: a text is read and answered by keyboard, and new texts appear by themselves."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.api.contract_client import order, sim_of, tenant
from tests.browser.conftest import OpenPage, accessibility_faults, overflows, picture
from tests.conftest import Running, eventually
from tests.dashboard_visitor import box

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SENDER = "+22376610001"
WICKED = "<b>Bonjour</b>, êtes-vous ouverts demain ?"


def test_a_text_is_answered_by_keyboard_and_the_next_one_appears(
    running: Running, open_page: OpenPage
) -> None:
    owner = tenant(running)
    with sim_of(running, owner) as (_, port):
        order(running, do="incoming", port=port, **{"from": SENDER}, text=WICKED)
        eventually(lambda: owner.client.get("/sms/inbox").data)
        page = open_page("/inbox", role="company", company=owner.company)
        assert accessibility_faults(page) == []
        picture(page, "inbox")
        page.get_by_text(WICKED).click()
        page.wait_for_selector(".talk .in")
        page.get_by_label("Réponse").focus()
        page.keyboard.type("Oui, de 8 h à 18 h.")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Envoyer"
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")  # pressed twice, sent once
        page.wait_for_selector('.talk .out:has-text("Oui, de 8 h")')
        order(running, do="incoming", port=port, **{"from": SENDER}, text="Merci !")
        page.wait_for_selector('.talk .in:has-text("Merci !")')
        page.wait_for_selector('.talk .out .badge.good:has-text("délivré")')
        assert page.locator(".talk .out").count() == 1
        assert accessibility_faults(page) == []
        picture(page, "conversation")
        # The page has marked what it showed as read.
        eventually(lambda: all(one["read"] for one in owner.client.get("/sms/inbox").data))
        page.click("button[name=language][value=en]")
        page.wait_for_selector('.talk .out .badge.good:has-text("delivered")')
        assert page.get_by_label("Answer", exact=True).is_visible()
        picture(page, "conversation")


def test_conversations_and_opt_outs_fit_a_small_screen(running: Running, open_page: OpenPage) -> None:
    owner = tenant(running)
    owner.client.post("/sms/opt-outs", {"recipient": "70123499", "reason": "x" * 150})
    with sim_of(running, owner) as (_, port):
        order(running, do="incoming", port=port, **{"from": "OrangeMoney"}, text="W" * 150)
        eventually(lambda: owner.client.get("/sms/inbox").data)
    page = open_page("/inbox", role="company", company=owner.company, width=360, dark=True)
    for path in ("/inbox", f"/inbox/conversation?number={quote('OrangeMoney')}", "/opt-outs"):
        page.goto(box(running) + path)
        assert not overflows(page), path
        assert accessibility_faults(page) == []


def test_a_number_is_opted_out_and_in(running: Running, open_page: OpenPage) -> None:
    owner = tenant(running)
    page = open_page("/opt-outs", role="company", company=owner.company)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Numéro", exact=True).nth(1).fill("70 12 34 98")
    page.get_by_role("button", name="Désinscrire").click()
    page.wait_for_selector('td:has-text("+22370123498")')
    assert accessibility_faults(page) == []
    picture(page, "opt-outs")
    page.click("button[name=language][value=en]")
    page.get_by_role("button", name="End", exact=True).click()
    page.wait_for_selector('.notice.done:has-text("gets campaigns again")')
    assert owner.client.get("/sms/opt-outs").data == []
