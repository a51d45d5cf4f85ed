"""`make pictures`: takes the pictures of the documents from a simulated box, into docs/pictures. Needs what `make browser` needs."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.pictures.lively import LOGINS, PASSWORD, LivelyBox
from tests.pictures.pages import HEIGHT, PICTURES, Picture
from tests.pictures.small_png import smaller

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
WIDTH = 1280
MOST_BYTES = 150_000
_SHOWN_MS = 120_000
_DRAWN_MS = 1500  # a page draws its plots, and loads its live parts


def main() -> int:
    """Take the pictures; the exit code."""
    options = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    options.add_argument("--only", help="the name of one picture")
    options.add_argument("--to", type=Path, default=FOLDER, help="the folder")
    chosen = options.parse_args()
    program = shutil.which("chromium")
    if program is None:
        print("install Chromium: apt-get install chromium", file=sys.stderr)  # noqa: T201
        return 1
    chosen.to.mkdir(parents=True, exist_ok=True)
    large = 0
    with tempfile.TemporaryDirectory(prefix="pictures-") as scratch, sync_playwright() as playwright:
        box = LivelyBox(Path(scratch))
        try:
            box.start()
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for picture in PICTURES:
                if chosen.only in (None, picture.name):
                    large += sum(_take(box, browser, picture, language, chosen.to) for language in picture.languages)  # fmt: skip
            browser.close()
        finally:
            box.stop()
    return 1 if large else 0


def _take(box: LivelyBox, browser: Browser, picture: Picture, language: str, folder: Path) -> bool:
    """Take one picture. Returns whether it is too large."""
    context = browser.new_context(
        locale=language,
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme="dark" if picture.dark else "light",
    )
    page = context.new_page()
    page.goto(f"{box.url}/login")
    page.fill("#login", LOGINS[picture.role])
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector("nav")
    address = picture.address if isinstance(picture.address, str) else picture.address(box)
    target = folder / f"{picture.name}.{language}.png"
    if _shows(page, box.url + address):
        if picture.wait is not None:
            page.wait_for_selector(picture.wait, timeout=_SHOWN_MS)
        page.wait_for_timeout(_DRAWN_MS)
        content = smaller(page.screenshot(full_page=picture.whole))
        target.write_bytes(content)
        print(f"{target.name}: {len(content) // 1000} kB", flush=True)  # noqa: T201
    else:
        print(f"{target.name}: there is no page {address}", flush=True)  # noqa: T201
    context.close()
    return target.exists() and target.stat().st_size > MOST_BYTES


def _shows(page: Page, address: str) -> bool:
    answer = page.goto(address)
    return answer is not None and answer.status == 200


if __name__ == "__main__":
    sys.exit(main())
