"""The documentation page in a real browser: it asks nobody but the box, shows every operation, and sends a message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route

from tests.conftest import Running, eventually

# A loaded machine takes seconds to draw one operation.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WAIT_MS = 60_000


@dataclass
class Visit:
    """A page whose requests are recorded. Those that would leave the box are recorded and cut."""

    page: Page
    url: str  # of the API
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def route(self, route: Route, request: Request) -> None:
        self.asked.append(request.url)
        if urlsplit(request.url).netloc == urlsplit(self.url).netloc:
            route.continue_()
        else:
            route.abort()

    def console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    @property
    def elsewhere(self) -> list[str]:
        """Requests that would have left the box."""
        box = urlsplit(self.url).netloc
        return [address for address in self.asked if urlsplit(address).netloc != box]


@pytest.fixture
def visit(running: Running, browser: Browser) -> Iterator[Visit]:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    visit = Visit(page, running.url)
    page.route("**/*", visit.route)
    page.on("console", visit.console)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.goto(f"{running.url}/documentation")
    page.wait_for_selector(".opblock")
    yield visit
    context.close()


def test_the_page_shows_every_operation_and_asks_only_the_box(running: Running, visit: Visit) -> None:
    paths = requests.get(f"{running.url}/openapi.json", timeout=30).json()["paths"]
    wanted = {
        (method.upper(), path) for path, item in paths.items() for method in item if method != "servers"
    }
    blocks = visit.page.locator(".opblock").all()
    shown = {
        (
            block.locator(".opblock-summary-method").inner_text(),
            block.locator(".opblock-summary-path").get_attribute("data-path"),
        )
        for block in blocks
    }
    assert shown == wanted
    for block in blocks:  # opening one draws its schemas and examples
        block.locator(".opblock-summary-control").click()
        block.locator(".responses-wrapper").wait_for()
        block.locator(".opblock-summary-control").click()
    assert visit.elsewhere == []
    assert visit.complaints == []


def test_a_message_is_sent_from_the_page(running: Running, visit: Visit) -> None:
    page = visit.page
    page.locator(".auth-wrapper .authorize").first.click()
    field_of_key = page.locator(".auth-container", has_text="X-API-Key").locator("input")
    field_of_key.fill(running.key)
    page.locator(".auth-container", has_text="X-API-Key").locator("button", has_text="Authorize").click()
    page.locator(".auth-container button", has_text="Close").first.click()
    block = page.locator("#operations-Sending-post_sms_send")
    block.locator(".opblock-summary-control").click()
    block.locator(".try-out__btn").click()
    body = {"recipient": "+22370123456", "message": "From the page", "reference": "page-1"}
    block.locator("textarea.body-param__text").fill(json.dumps(body))
    block.locator("button.execute").click()
    answer = block.locator(".live-responses-table .response-col_description code").first
    answer.wait_for()
    sms_id = json.loads(answer.inner_text())["data"]["sms_id"]
    headers = {"X-API-Key": running.key}

    def delivered() -> bool:
        status = requests.get(f"{running.url}/sms/status/{sms_id}", headers=headers, timeout=30).json()[
            "data"
        ]
        assert (status["message"], status["reference"]) == (body["message"], body["reference"])
        return bool(status["status"] == "delivered")

    eventually(delivered)
    assert visit.elsewhere == []
    assert visit.complaints == []


def test_the_page_works_behind_a_proxy_that_adds_a_prefix(running: Running, visit: Visit) -> None:
    def proxy(route: Route, request: Request) -> None:
        route.fulfill(
            response=route.fetch(url=request.url.replace("http://box.test/gateway/api", running.url))
        )

    page = visit.page
    page.route("http://box.test/gateway/**", proxy)
    page.goto("http://box.test/gateway/api/documentation")
    block = page.locator("#operations-The_box-get_health")
    block.locator(".opblock-summary-control").click()
    block.locator(".try-out__btn").click()
    with page.expect_response("http://box.test/gateway/api/health") as answer:
        block.locator("button.execute").click()
    assert answer.value.json()["success"] is True
    assert visit.elsewhere == []


def test_the_key_is_forgotten_with_the_page(running: Running, visit: Visit) -> None:
    kept = visit.page.evaluate(
        "[Object.keys(localStorage).length, Object.keys(sessionStorage).length, document.cookie]"
    )
    assert kept == [0, 0, ""]
