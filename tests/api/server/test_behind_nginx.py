"""The nginx of docs/nginx.conf in front of the gateway: TLS, addresses, large bodies, long waits."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from gatewayd.admin import commands
from tests.api.api_server import ApiServer
from tests.conftest import eventually, free_port
from tests.gatewayd.played_ports import administration_context

CONF = Path(__file__).parents[3] / "docs" / "nginx.conf"

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


def certificate(path: Path) -> None:
    """A self-signed certificate for localhost."""
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(path / "key"), "-out", str(path / "crt")),
        ],
        check=True,
        capture_output=True,
    )


class Proxy:
    """nginx with the documented configuration, on free ports."""

    def __init__(self, path: Path, api_server: ApiServer) -> None:
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        certificate(path)
        server = CONF.read_text()
        for documented, replacement in (
            ("server 127.0.0.1:8000;", f"server 127.0.0.1:{api_server.address[1]};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;"),
            ("listen [::]:443 ssl;", ""),
            ("/etc/ssl/sms.example.com.crt", str(path / "crt")),
            ("/etc/ssl/private/sms.example.com.key", str(path / "key")),
        ):
            assert documented in server
            server = server.replace(documented, replacement)
        configuration = "".join(
            f"{name}_temp_path {path / name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (path / "nginx.conf").write_text(
            f"daemon off;\nmaster_process off;\npid {path / 'pid'};\nerror_log {path / 'error.log'};\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{configuration}{server}}}\n"
        )
        self._crt = str(path / "crt")
        self._process = subprocess.Popen(
            ["nginx", "-e", path / "error.log", "-p", path, "-c", path / "nginx.conf"]
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/metrics").status_code == 404
        except requests.ConnectionError:
            return False

    def ask(self, method: str, path: str, **request: object) -> requests.Response:
        return requests.request(method, self.url + path, verify=self._crt, timeout=20, **request)  # type: ignore[arg-type]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


@pytest.fixture(scope="module")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    api: dict[str, Any] = {
        "trusted_proxies": ["127.0.0.1"],
        "wrong_keys_per_minute": 1,
        "allowed_networks": ["192.0.2.0/24"],
    }
    api_server = ApiServer(tmp_path_factory.mktemp("api_server"), dashboard=True, **api)
    yield api_server
    api_server.close()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, api_server: ApiServer) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path_factory.mktemp("nginx"), api_server)
    yield proxy
    proxy.stop()


def test_responses_pass_with_their_headers_and_hsts(proxy: Proxy, api_server: ApiServer) -> None:
    response = proxy.ask("GET", "/api/sms/quota", headers={"X-API-Key": api_server.key})
    assert response.status_code == 200
    assert response.headers["Strict-Transport-Security"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    refused = proxy.ask("GET", "/api/nowhere")
    assert (refused.status_code, refused.json()["error"]) == (404, "not_found")


def test_metrics_are_not_proxied(proxy: Proxy) -> None:
    assert proxy.ask("GET", "/metrics").status_code == 404


def test_a_person_logs_in_to_the_dashboard(proxy: Proxy, api_server: ApiServer) -> None:
    login, client = "awa", {"X-Forwarded-For": "192.0.2.7"}
    arguments = {"login": login, "password": "quatre chats dorment", "role": "owner"}
    commands.run(administration_context(api_server.played), "user.add", arguments)
    form = {"login": login, "password": arguments["password"], "next": "/"}
    for origin, status in (("https://localhost", 403), (proxy.url, 303)):
        answer = proxy.ask(
            "POST", "/login", data=form, headers={"Origin": origin, **client}, allow_redirects=False
        )
        assert answer.status_code == status
    assert answer.headers["Location"] == "/"
    cookie = answer.headers["Set-Cookie"]
    assert "; Secure" in cookie
    assert "; HttpOnly" in cookie
    assert "; SameSite=Strict" in cookie
    name_and_value = cookie.partition(";")[0]
    page = proxy.ask("GET", "/account", headers={"Cookie": name_and_value, **client})
    assert page.status_code == 200
    assert "192.0.2.7" in page.text  # the address of the session is the client's, not the proxy's


def test_each_client_has_its_own_count_of_wrong_keys_whatever_address_it_forges(proxy: Proxy) -> None:
    def wrong(claimed: str) -> int:
        headers = {"X-API-Key": "wrong", "X-Forwarded-For": claimed}
        return proxy.ask("GET", "/api/sms/quota", headers=headers).status_code

    # nginx appends the address of its peer: loopback here, which is trusted, so the forged address counts next.
    assert [wrong("192.0.2.1"), wrong("192.0.2.2"), wrong("198.51.100.9, 192.0.2.1")] == [401, 401, 429]
    assert wrong("198.51.100.1") == 403


@pytest.mark.parametrize("chunked", [False, True])
def test_a_bulk_of_the_longest_messages_passes(proxy: Proxy, api_server: ApiServer, chunked: bool) -> None:
    messages = [{"recipient": "+22370123456", "message": "😀" * 1600}] * 20
    body = json.dumps({"messages": messages, "padding": "x" * 3_500_000}).encode()
    data = iter([body[:5], body[5:]]) if chunked else body
    response = proxy.ask("POST", "/api/sms/send-bulk", data=data, headers={"X-API-Key": api_server.key})
    assert response.json()["summary"]["success"] == 20
    response = proxy.ask(
        "POST", "/api/sms/send-bulk", data=b"x" * 4_500_000, headers={"X-API-Key": api_server.key}
    )
    assert (response.status_code, response.json()["error"]) == (413, "payload_too_large")


def test_the_proxy_waits_for_a_send_that_waits_for_its_modem(proxy: Proxy, api_server: ApiServer) -> None:
    body = {"recipient": "+22370123456", "message": "wait"}
    headers = {"X-API-Key": api_server.key, "Prefer": "wait=1"}
    started_at = time.monotonic()
    response = proxy.ask("POST", "/api/sms/send", json=body, headers=headers)
    assert response.json()["data"]["status"] == "pending"
    assert time.monotonic() - started_at > 0.9
