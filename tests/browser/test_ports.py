"""The pages of ports in a browser: find a modem, add it as a port, watch it, pause it, remove it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatewayd.daemon.control_client import ask
from modem.simulator.bank import Bank
from tests.browser.conftest import OpenPage, accessibility_faults, overflows, picture
from tests.conftest import Running
from tests.gatewayd.spare_modems import ONE, OTHER, spare_modems

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WORDS = {
    "fr": (
        "Ajouter comme port",
        "Ajouter le port",
        "Fonctionne",
        "Mettre en pause",
        "En pause",
        "Retirer ce port",
    ),
    "en": ("Add as a port", "Add the port", "Works", "Pause", "Paused", "Remove this port"),
}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with spare_modems(tmp_path_factory.mktemp("spare")) as bank:
        yield bank


@pytest.mark.parametrize(("language", "modem"), [("fr", ONE), ("en", OTHER)])
def test_a_modem_is_found_added_watched_paused_and_removed(
    running: Running, open_page: OpenPage, bank: Bank, language: str, modem: int
) -> None:
    add, save, works, pause, paused, remove = WORDS[language]
    device = str(bank.device(modem))
    ask(running.settings.store.path, "port.discover", {"devices": [device]}, 150)
    page = open_page("/ports/search", role="operator", language=language)
    assert accessibility_faults(page) == []
    picture(page, "ports-search")
    page.locator("li.card", has_text=device).get_by_role("button", name=add).click()
    page.fill("#port", str(modem))
    assert accessibility_faults(page) == []
    page.click(f'button:has-text("{save}")')
    page.wait_for_selector(f'#state .badge:has-text("{works}")')  # the page follows by itself
    page.wait_for_selector('#conversation li.to_modem:has-text("AT+CSQ")')
    assert accessibility_faults(page) == []
    picture(page, "port")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click(f'button:has-text("{pause}") >> nth=0')
    page.wait_for_selector(f'#state .badge:has-text("{paused}")')
    page.goto(page.url.rpartition("/")[0])
    picture(page, "ports")
    assert accessibility_faults(page) == []
    page.set_viewport_size({"width": 360, "height": 800})
    assert not overflows(page)
    page.click(f"#port-{modem}")
    assert not overflows(page)
    page.click(f'button:has-text("{remove}")')
    page.wait_for_selector(".notice.done")
    assert page.locator(f"#port-{modem}").count() == 0


def test_ports_are_read_without_javascript(open_page: OpenPage) -> None:
    page = open_page("/ports/1", script=False, language="en")
    assert page.locator("#conversation li").count() > 0
    assert page.locator("#state .badge").first.is_visible()
