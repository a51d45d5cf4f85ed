"""The order of checks: every refusal of the guide, and the first of two."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import requests

from tests.api.contract_client import AT_ONCE, TEXT, Client, Tenant, sim_of, tenant
from tests.conftest import Running

ENDPOINTS = [
    ("POST", "/sms/send"),
    ("POST", "/sms/send-bulk"),
    ("GET", "/sms/status/x"),
    ("GET", "/sms/sims/available"),
    ("GET", "/sms/test-connection"),
    ("GET", "/sms/quota"),
    ("GET", "/sms/messages"),
    ("POST", "/sms/cancel/x"),
    ("POST", "/sms/ussd"),
]


@pytest.fixture(scope="module")
def other_company(running: Running) -> Tenant:
    """A company that tests of this file deactivate and activate."""
    return tenant(running)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_without_a_key_nothing_else_is_checked(running: Running, method: str, path: str) -> None:
    keyless = Client(running.url, None)
    reply = keyless.call(method, path, data=b"{broken")
    assert reply.refused(401, "missing_api_key") == {}
    assert reply.content["message"] == "API key not provided"
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    keyless.call(method, path, {"X-API-Key": "", "Authorization": "Basic eA=="}).refused(
        401, "missing_api_key"
    )


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_an_unknown_key_is_refused_before_the_body(running: Running, method: str, path: str) -> None:
    Client(running.url, "gw_keyless").call(method, path, data=b"{broken").refused(401, "invalid_api_key")


def test_the_key_may_come_as_a_bearer_token_and_x_api_key_wins(running: Running) -> None:
    keyless = Client(running.url, None)
    bearer = f"bearer {running.key}"
    assert keyless.get("/sms/quota", headers={"Authorization": bearer}).status == 200
    assert keyless.get("/sms/quota", headers={"Authorization": bearer, "X-API-Key": ""}).status == 200
    keyless.get("/sms/quota", headers={"Authorization": bearer, "X-API-Key": "x"}).refused(
        401, "invalid_api_key"
    )
    assert keyless.get("/sms/quota", headers={"Authorization": "x", "X-API-Key": running.key}).status == 200
    keyless.get(f"/sms/quota?api_key={running.key}").refused(401, "missing_api_key")


def test_a_key_past_its_date_is_inactive(running: Running) -> None:
    expired = tenant(running, "--expires", "2025-01-15T00:00:00Z")
    reply = expired.client.post("/sms/send", b"{broken")
    assert reply.content == {
        "success": False,
        "message": "API key has expired",
        "error": "inactive_api_key",
        "data": {
            "expired": True,
            "deactivated": False,
            "expires_date": "2025-01-15T00:00:00.000000Z",
            "active": True,
        },
    }
    assert reply.status == 401
    running.cli("company", "set", str(expired.company), "--active", "no")
    expired.client.get("/sms/quota").refused(401, "inactive_api_key")


def test_a_deactivated_key_is_inactive_and_at_once(running: Running, other_company: Tenant) -> None:
    assert other_company.client.get("/sms/quota").status == 200
    running.cli("key", "set", str(other_company.key), "--active", "no")
    assert other_company.client.get("/sms/quota").refused(401, "inactive_api_key") == {
        "expired": False,
        "deactivated": True,
        "expires_date": None,
        "active": False,
    }
    running.cli("key", "set", str(other_company.key), "--active", "yes")
    assert other_company.client.get("/sms/quota").status == 200


def test_a_key_without_its_company_is_a_fault_of_the_gateway(running: Running) -> None:
    email_company = tenant(running, "--service", "email")
    with closing(sqlite3.connect(running.settings.store.path, timeout=10)) as db, db:
        db.execute("DELETE FROM companies WHERE id = ?", (email_company.company,))
    email_company.client.post("/sms/send", b"{broken").refused(500, "company_not_found")


def test_an_inactive_company_is_refused_before_the_service_is_checked(running: Running) -> None:
    inactive = tenant(running, "--service", "email")
    running.cli("company", "set", str(inactive.company), "--active", "no")
    inactive.client.post("/sms/send", b"{broken").refused(403, "inactive_company")
    running.cli("company", "set", str(inactive.company), "--active", "yes")
    reply = inactive.client.post("/sms/send", b"{broken")
    assert reply.status == 403
    assert reply.content == {
        "success": False,
        "message": "API key is not valid for this service type",
        "error": "service_type_mismatch",
        "data": {"api_key_service": "email", "requested_service": "sms"},
    }


def test_the_body_comes_before_the_quota_and_the_quota_before_the_sim(running: Running) -> None:
    limited = tenant(running, quota=0)
    assert limited.client.send(message="", sim_number_id=999_999).faults() == ["message"]
    reply = limited.client.send(sim_number_id=999_999)
    assert reply.refused(429, "quota_exceeded") == {
        "service_type": "sms",
        "requested": 1,
        "remaining": 0,
        "total_quota": 0,
        "usage_percentage": 100.0,
    }
    assert reply.content["message"] == "Quota exceeded"
    assert 0 < int(reply.headers["Retry-After"]) <= 31 * 86400
    running.cli("company", "set", str(limited.company), "--quota", "1")
    limited.client.send(sim_number_id=999_999).refused(400, "sim_unavailable")
    assert limited.client.get("/sms/quota").data["remaining"] == 1  # a refused message costs nothing


def test_a_sim_that_is_disabled_limited_or_of_another_company_is_unavailable(
    running: Running, other_company: Tenant
) -> None:
    owner = tenant(running)
    with sim_of(running, owner) as (sim_id, _):
        other_company.client.send(sim_number_id=sim_id).refused(400, "sim_unavailable")
        running.cli("sim", "set", str(sim_id), "--daily-limit", "0")
        owner.client.send(sim_number_id=sim_id).refused(400, "sim_unavailable")
        running.cli("sim", "set", str(sim_id), "--daily-limit", "none", "--monthly-limit", "0")
        owner.client.send(sim_number_id=sim_id).refused(400, "sim_unavailable")
        running.cli("sim", "set", str(sim_id), "--monthly-limit", "none", "--enabled", "no")
        owner.client.send(sim_number_id=sim_id).refused(400, "sim_unavailable")
        running.cli("sim", "set", str(sim_id), "--enabled", "yes")
        assert owner.client.send(sim_number_id=sim_id).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/x", "/sms", "/sms/", "/sms/send/", "//sms/quota", "/sms/status", "/sms/status/"]
)
@pytest.mark.parametrize("key", [None, "wrong", "right"])
def test_an_unknown_path_is_404_without_a_key(running: Running, path: str, key: str | None) -> None:
    client = Client(running.url, running.key if key == "right" else key)
    client.get(path).refused(404, "not_found")
    client.post(path, b"{broken").refused(404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
def test_a_wrong_method_is_405_with_the_allowed_ones(running: Running, method: str) -> None:
    keyless = Client(running.url, None)
    for path, allowed in (("/sms/send", "POST"), ("/sms/quota", "GET, HEAD"), ("/health", "GET, HEAD")):
        reply = keyless.call(method, path)
        reply.refused(405, "method_not_allowed")
        assert reply.headers["Allow"] == allowed
    keyless.get("/sms/send").refused(405, "method_not_allowed")
    keyless.post("/sms/quota", b"").refused(405, "method_not_allowed")


def test_an_answer_to_head_is_that_to_get_without_its_body(running: Running) -> None:
    for path, status in (("/health", 200), ("/sms/quota", 401), ("/sms/send", 405), ("/nothing", 404)):
        answer = requests.head(running.url + path, timeout=60)
        assert (answer.status_code, answer.content) == (status, b"")
        assert answer.headers["Content-Type"] == "application/json"


def test_a_body_too_large_is_413(running: Running) -> None:
    client = Client(running.url, running.key)
    body = b" " * (running.settings.api.max_body_bytes + 1)
    client.post("/sms/send", body).refused(413, "payload_too_large")


def test_a_body_in_chunks_is_read(running: Running) -> None:
    body = (piece for piece in (b'{"recipient": "70123456",', b'"message": "en morceaux"}'))
    reply = Client(running.url, running.key).call("POST", "/sms/send", AT_ONCE, data=body)
    assert reply.data["recipient"] == "+22370123456"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_body_is_accepted_with_any_content_type(running: Running, content_type: str) -> None:
    reply = Client(running.url, running.key).post("/sms/send", TEXT, AT_ONCE | {"Content-Type": content_type})
    assert reply.data["recipient"] == TEXT["recipient"]


@pytest.mark.parametrize("path", ["/sms/send", "/sms/send-bulk"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{broken",
        b"[]",
        b"\xff\xfe{\0}\0",
        b'{"a": NaN}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"recipient": ' + b"[" * 100_000,
        b'{"recipient": ' + b"9" * 10_000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_a_fault_of_the_body(
    running: Running, path: str, body: bytes
) -> None:
    assert Client(running.url, running.key).post(path, body).faults() == ["body"]


def test_administration_is_for_administration_keys(running: Running) -> None:
    Client(running.url, running.key).get("/sms/test-connection").refused(403, "admin_required")
    reply = Client(running.url, running.admin_key).get("/sms/test-connection")
    assert reply.status == 200
    ports = reply.content.pop("ports")
    assert reply.content == {
        "success": True,
        "message": "Connexion 1SIMPLE1 réussie",
        "data": {"result": "success"},
        "status_code": 200,
    }
    assert ports
    assert all(set(port) == {"port", "ok", "busy", "detail"} for port in ports)
    assert any(port["ok"] for port in ports)


def test_health_needs_no_key(running: Running) -> None:
    assert Client(running.url, None).get("/health").data["status"] == "ok"
