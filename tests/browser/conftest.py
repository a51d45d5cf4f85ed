"""One browser for all tests of this folder. They need Playwright, which `make browser` installs; without it nothing is collected."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.conftest import Running
from tests.dashboard_visitor import add_person, box, visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route

collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

ROOT = Path(__file__).parents[2]
WAIT_MS = 60_000

PICTURES = ROOT / "build" / "pictures"
"""Pictures of the pages that the tests visited."""

_AXE = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"

OpenPage = Callable[..., "Page"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only `make browser` installs it

    program = shutil.which("chromium") or pytest.fail("install Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(running: Running, browser: Browser) -> Iterator[OpenPage]:
    """Opens pages of the shared gateway (see `opener`)."""
    with_running = opener(running, browser)
    yield next(with_running)
    next(with_running, None)


def opener(running: Running, browser: Browser) -> Iterator[OpenPage]:
    """Yields a function that opens a page; afterwards checks that no page asked another host or complained.

    The function's arguments: `path`; `role` None: nobody is logged in; `company`: of the role `company`; `language`; `width` in
    pixels; `dark`; `script` false: without JavaScript.
    """
    contexts, elsewhere, complaints = [], list[str](), list[str]()

    def route(route: Route, request: Request) -> None:
        if urlsplit(request.url).netloc == urlsplit(box(running)).netloc:
            route.continue_()
        else:
            elsewhere.append(request.url)
            route.abort()

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def open_page(
        path: str = "/",
        role: str | None = "owner",
        company: int | None = None,
        language: str = "fr",
        width: int = 1280,
        dark: bool = False,
        script: bool = True,
    ) -> Page:
        context = browser.new_context(
            locale=language,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        context.route("**/*", route)
        if role is not None:
            token = visitor(running, role, company).token
            context.add_cookies([{"name": "gatewayd_session", "value": token or "", "url": box(running)}])
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(box(running) + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert elsewhere == []
    assert complaints == []


def picture(page: Page, name: str) -> None:
    """Keep a picture of a page, under its language and a name."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    language = page.locator("html").get_attribute("lang")
    page.screenshot(path=PICTURES / f"{language}-{name}.png", full_page=True)


def accessibility_faults(page: Page) -> list[str]:
    """The serious and critical findings of axe-core on a page."""
    if not _AXE.exists():
        pytest.fail("`make browser` installs axe-core with npm")
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {fault['help']}: {[node['html'][:200] for node in fault['nodes']]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


def overflows(page: Page) -> bool:
    """Whether a page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


__all__ = [
    "PICTURES",
    "WAIT_MS",
    "OpenPage",
    "accessibility_faults",
    "add_person",
    "opener",
    "overflows",
    "picture",
]
