"""GET /documentation and its files: caching, compression, policy, size, and their place in the package."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
import requests

from api.documentation.static_files import FILES
from tests.api.api_server import DEADLINE_S, ApiServer

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "api" / "documentation" / "static"
PATHS = ["/api/openapi.json", "/api/documentation", *(f"/api/documentation/{name}" for name in FILES)]
LARGEST_BYTES = 500_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path_factory.mktemp("page"))
    yield server
    server.close()


def raw(server: ApiServer, path: str, encoding: str) -> tuple[requests.Response, bytes]:
    """The answer, and its content as it was sent."""
    answer = requests.get(
        server.url + path, headers={"Accept-Encoding": encoding}, stream=True, timeout=DEADLINE_S
    )
    return answer, answer.raw.read(decode_content=False)


@pytest.mark.parametrize("path", PATHS)
def test_a_client_without_gzip_gets_the_same_content(server: ApiServer, path: str) -> None:
    zipped, compressed = raw(server, path, "gzip")
    assert (zipped.status_code, zipped.headers["Content-Encoding"]) == (200, "gzip")
    for encoding in ("identity", "gzip;q=0", ""):
        plain, content = raw(server, path, encoding)
        assert (plain.status_code, plain.headers.get("Content-Encoding")) == (200, None)
        assert content == gzip.decompress(compressed)
        assert plain.headers["ETag"] != zipped.headers["ETag"]
        assert plain.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", PATHS)
def test_a_browser_asks_again_and_is_told_that_nothing_changed(server: ApiServer, path: str) -> None:
    first = server.get(path)
    assert first.headers["Cache-Control"] == "no-cache"
    again = server.get(path, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert server.get(path, If_None_Match='"other"').status_code == 200


def test_the_page_allows_nothing_inline_and_nothing_from_elsewhere(server: ApiServer) -> None:
    page = server.get("/api/documentation")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert set(re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)) == {
        "data:,",
        "openapi.json",
        *(f"documentation/{name}" for name in FILES),
    }
    assert not re.search(r"<script>|<style|style=|onload=", page.text)
    for name in FILES:
        answer = server.get(f"/api/documentation/{name}")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"].startswith(("text/javascript", "text/css"))


def test_another_file_is_not_found(server: ApiServer) -> None:
    for name in ("README.md", "index.html", "..%2Fopenapi.py", "%2e%2e/openapi.py", "swagger-ui.css.gz"):
        answer = server.get(f"/api/documentation/{name}")
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_the_page_is_small(server: ApiServer) -> None:
    sent = [raw(server, path, "gzip")[1] for path in PATHS if path != "/api/openapi.json"]
    assert sum(map(len, sent)) < LARGEST_BYTES
    assert sum(len(gzip.compress(file.read_bytes())) for file in FOLDER.iterdir()) < LARGEST_BYTES


def test_the_package_has_every_file_of_the_page() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = setup["options.package_data"]["api.documentation"].split()
    packaged = {file for pattern in patterns for file in (FOLDER.parent).glob(pattern)}
    assert packaged == set(FOLDER.iterdir())


def test_the_licence_of_the_page_is_beside_it() -> None:
    text = (FOLDER / "LICENSE-swagger-ui.txt").read_text()
    assert "Apache License" in text
    assert re.search(r"`swagger-ui-dist` \d+\.\d+\.\d+", (FOLDER / "README.md").read_text())
