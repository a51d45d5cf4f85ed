"""A client of the running gateway that checks the envelope of every response."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import requests

from tests.conftest import Running, eventually

DEADLINE_S = 60.0
TEXT = {"recipient": "+22370123456", "message": "Bonjour"}
AT_ONCE = {"Prefer": "respond-async"}

_names = count(1)


def in_s(seconds: float, offset_h: int = 0) -> str:
    """A time so many seconds from now, with an offset from UTC."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds, hours=offset_h)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + (f"+{offset_h:02d}:00" if offset_h else "Z")


@dataclass(frozen=True, slots=True)
class Reply:
    """One response."""

    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    content: dict[str, Any]

    @property
    def data(self) -> Any:
        """`data` of a success."""
        assert self.status == 200, self.content
        assert self.content["success"] is True
        return self.content["data"]

    def refused(self, status: int, code: str) -> dict[str, Any]:
        """`data` of a refusal, after checking status and code."""
        assert (self.status, self.content["error"]) == (status, code), self.content
        data: dict[str, Any] = self.content["data"]
        return data

    def faults(self) -> list[str]:
        """The names of the invalid fields."""
        return [fault["field"] for fault in self.refused(400, "invalid_request")["errors"]]


class Client:
    """A client with one API key, or none."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url = url
        self._headers = {} if key is None else {"X-API-Key": key}

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any) -> Reply:
        """Send one request. Every response must be in the envelope."""
        answer = requests.request(
            method,
            self._url + path,
            headers=self._headers | (headers or {}),
            timeout=DEADLINE_S * 3,
            **request,
        )
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        content = json.loads(answer.content.decode("utf-8"))
        if answer.status_code == 200:
            assert content["success"] is True
        else:
            assert content["success"] is False
            assert {"message", "error", "data"} <= set(content)
            assert isinstance(content["message"], str)
            assert isinstance(content["data"], dict)
        return Reply(answer.status_code, answer.headers, content)

    def get(self, path: str, **request: Any) -> Reply:
        return self.call("GET", path, **request)

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        """Send a JSON body, or raw bytes."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", path, headers, data=raw)

    def patch(self, path: str, body: Any) -> Reply:
        return self.call("PATCH", path, data=json.dumps(body).encode())

    def send(self, headers: dict[str, str] | None = None, **body: Any) -> Reply:
        """Send one message, by default without waiting for the modem."""
        return self.post("/sms/send", TEXT | body, AT_ONCE | (headers or {}))

    def bulk(self, messages: Any, headers: dict[str, str] | None = None, **options: Any) -> Reply:
        return self.post("/sms/send-bulk", {"messages": messages, **options}, headers)

    def status(self, sms_id: str) -> dict[str, Any]:
        data: dict[str, Any] = self.get(f"/sms/status/{sms_id}").data
        return data

    def await_status(self, sms_id: str, status: str) -> dict[str, Any]:
        eventually(lambda: self.status(sms_id)["status"] == status)
        return self.status(sms_id)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company and one of its keys."""

    company: int
    key: int
    client: Client
    secret: str


def tenant(running: Running, *key_options: str, quota: int | None = None) -> Tenant:
    """Create a company with a key that no other test uses."""
    limits = () if quota is None else ("--quota", str(quota))
    company = running.cli("company", "add", f"Company {next(_names)}", *limits)["id"]
    key = running.cli("key", "add", "--company", str(company), *key_options)
    return Tenant(company, key["id"], Client(running.url, key["key"]), key["key"])


def sim_ids(client: Client) -> list[int]:
    return [sim["id"] for sim in client.get("/sms/sims/available").data["available_sims"]]


@contextmanager
def sim_of(running: Running, owner: Tenant) -> Iterator[tuple[int, int]]:
    """A SIM on a port with one slot, assigned to the company within the block. Yields SIM id and port."""
    alone = {port.port for port in running.settings.ports if port.slots == 1}
    sims = owner.client.get("/sms/sims/available").data["available_sims"]
    sim = next(sim for sim in sims if sim["assigned_to"] is None and sim["port"] in alone)
    sim_id = sim["id"]
    running.cli("sim", "set", str(sim_id), "--company", str(owner.company))
    try:
        yield sim_id, sim["port"]
    finally:
        running.cli(
            "sim", "set", str(sim_id), "--company", "none", "--daily-limit", "none", "--monthly-limit", "none",
            "--enabled", "yes",
        )  # fmt: skip


def run_concurrently(count: int, work: Callable[[int], Reply]) -> list[Reply]:
    """Run `count` calls at once, each in a thread."""
    replies: list[Reply] = []
    start = threading.Barrier(count)

    def run(index: int) -> None:
        start.wait(DEADLINE_S)
        replies.append(work(index))

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S * 3)
    assert len(replies) == count
    return replies


def quiet(running: Running) -> None:
    """Wait until no message waits for a modem."""
    eventually(lambda: not running.cli("message", "list", "--status", "pending"))


def order(running: Running, **command: str | int) -> None:
    """Send a command to the simulated bank (see `modem.simulator.control`)."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(DEADLINE_S)
        control.connect(str(running.state / "ports" / "control"))
        control.sendall(json.dumps(command).encode() + b"\n")
        assert json.loads(control.makefile().readline())["ok"]
