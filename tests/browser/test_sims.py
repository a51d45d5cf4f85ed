"""SIM cards in a real browser: settings, the USSD console with its learning, and the loop test."""

from __future__ import annotations

import pytest

from tests.api.contract_client import order, sim_of, tenant
from tests.browser.conftest import OpenPage, accessibility_faults, overflows, picture
from tests.conftest import Running
from tests.dashboard_visitor import box

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_the_limit_of_a_sim_is_set(running: Running, open_page: OpenPage) -> None:
    with sim_of(running, tenant(running)) as (sim_id, _):
        page = open_page("/sims", role="operator")
        assert accessibility_faults(page) == []
        picture(page, "sims")
        page.click(f'a[href="/sims/{sim_id}"]')
        page.get_by_label("Messages par jour", exact=True).fill("200")
        page.get_by_role("button", name="Enregistrer", exact=True).click()
        page.wait_for_selector(".notice.done")
        assert running.cli("sim", "show", sim_id)["daily_limit"] == 200
        assert accessibility_faults(page) == []
        picture(page, "sim")
        page.click("button[name=language][value=en]")
        assert page.get_by_label("Messages a day", exact=True).first.is_visible()
        picture(page, "sim")


def test_the_console_learns_to_read_a_balance(running: Running, open_page: OpenPage) -> None:
    order(running, do="ussd", code="#747#", answer="Votre solde est de 1 750 FCFA.")
    with sim_of(running, tenant(running)) as (sim_id, _):
        page = open_page(f"/sims/{sim_id}/ussd", role="operator")
        page.on("dialog", lambda dialog: dialog.accept())
        page.fill("#code", "#747#")
        page.keyboard.press("Enter")
        page.wait_for_selector('.exchange pre:has-text("1 750 FCFA")')
        page.get_by_role("button", name="Envoyer et apprendre à lire le solde").click()
        page.wait_for_selector(".exchange >> nth=1")  # what was asked before is still there
        assert "solde 1\u202f750" in page.locator(".exchange").first.inner_text()
        assert accessibility_faults(page) == []
        picture(page, "ussd")
        page.locator("input[name=for][value=sim]").check()
        page.get_by_role("button", name="Retenir", exact=True).click()
        page.wait_for_selector(".notice.done")
        page.click("button[name=language][value=en]")
        page.get_by_role("button", name="Forget", exact=True).click()
        page.wait_for_selector('.notice.done:has-text("no longer read")')


def test_a_loop_test_shows_its_result_by_itself(running: Running, open_page: OpenPage) -> None:
    source = next(one["id"] for one in running.cli("sim", "list") if one["number"])
    page = open_page(f"/sims/loop-test?source={source}", role="operator")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Lancer le test").click()
    page.wait_for_selector("#tests:not([hx-trigger])")
    page.wait_for_selector('tbody tr:first-child .badge.good:has-text("arrivé")')
    assert accessibility_faults(page) == []
    picture(page, "loop-test")
    page.click("button[name=language][value=en]")
    page.wait_for_selector('tbody tr:first-child .badge.good:has-text("arrived")')


def test_the_pages_of_sims_fit_a_small_screen(running: Running, open_page: OpenPage) -> None:
    sim_id = running.cli("sim", "list")[0]["id"]
    page = open_page("/sims", role="operator", width=360, dark=True)
    for path in ("/sims", f"/sims/{sim_id}", f"/sims/{sim_id}/ussd", "/sims/loop-test"):
        page.goto(box(running) + path)
        assert not overflows(page), path
        assert accessibility_faults(page) == []
