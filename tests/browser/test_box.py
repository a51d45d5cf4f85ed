"""The pages of the box in a browser: check, log, backups, configuration and support, in both languages."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenPage, accessibility_faults, overflows, picture
from tests.conftest import Running, eventually
from tests.dashboard_visitor import box

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.parametrize(("language", "checked"), [("fr", "Vérifié le"), ("en", "Checked at")])
def test_the_box_is_checked_by_keyboard_and_its_files_are_downloaded(
    running: Running, open_page: OpenPage, language: str, checked: str
) -> None:
    page = open_page("/check", language=language)
    page.focus("main form button")
    page.keyboard.press("Enter")
    page.wait_for_selector(f'#findings:has-text("{checked}")')
    page.wait_for_selector("#findings progress", state="detached")
    picture(page, "check")
    page.goto(f"{box(running)}/backups")
    picture(page, "backups")
    with page.expect_download() as download:
        page.click('form[action$="/copy"] button')
    assert download.value.suggested_filename.startswith("gatewayd-")
    for name in ("support", "configuration"):
        page.goto(f"{box(running)}/{name}")
        picture(page, name)


def test_the_log_follows_without_a_new_page(running: Running, open_page: OpenPage) -> None:
    page = open_page("/log", role="operator")
    page.wait_for_selector("ol.log li")
    picture(page, "log")
    lines = page.locator('ol.log li:has-text("port 3 is paused")')
    before = lines.count()
    running.cli("port", "pause", 3)
    lines.nth(before).wait_for()
    running.cli("port", "resume", 3)
    eventually(lambda: running.cli("status")["ports"][2]["state"] == "up")


def test_the_pages_fit_a_small_screen(running: Running, open_page: OpenPage) -> None:
    page = open_page("/check", width=360, dark=True)
    page.wait_for_selector("#findings .row")  # the first check has ended
    page.wait_for_selector("#findings progress", state="detached")
    for path in ("/check", "/backups", "/log", "/configuration", "/support"):
        page.goto(box(running) + path)
        assert not overflows(page), path
        assert accessibility_faults(page) == [], path
