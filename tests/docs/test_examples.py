"""The programs in docs/examples run as they are, against a real gateway."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.api.contract_client import tenant
from tests.conftest import Running, eventually, free_port
from tests.docs.documents import ROOT
from tests.gatewayd.webhooks.hooked import Hooked

EXAMPLES = ROOT / "docs" / "examples"
SECRET = b"0123456789abcdef01234567"
FOLLOWERS = {"python": ("python3", "send_and_follow.py"), "node": ("node", "send_and_follow.mjs")}
RECEIVERS = {
    "python": ("python3", "receiver.py", "{port}"),
    "node": ("node", "receiver.mjs", "{port}"),
    "php": ("php", "-q", "-S", "127.0.0.1:{port}", "receiver.php"),
}


def need(program: str) -> str:
    """The path of a program; the test is skipped where it is not installed (.ci/run installs them all)."""
    found = sys.executable if program == "python3" else shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.mark.parametrize("language", FOLLOWERS)
def test_a_client_sends_and_follows_its_message(running: Running, language: str) -> None:
    program, file = FOLLOWERS[language]
    key = tenant(running).secret
    environment = {**os.environ, "GATEWAY_URL": running.url, "GATEWAY_KEY": key}
    for _ in range(2):  # the second run repeats the request, and follows the same message
        done = subprocess.run(
            [need(program), EXAMPLES / language / file, "70123456", "Bonjour, ça va ?"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[1:] == ["message.sent", "message.delivered"]
    listed = requests.get(f"{running.url}/sms/messages", headers={"X-API-Key": key}, timeout=10).json()
    assert [(message["reference"], message["recipient"]) for message in listed["data"]] == [
        ("example", "+22370123456")
    ]


LARAVEL = """<?php
require $argv[1];

class User {
    public function routeNotificationFor($channel, $notification) { return '70123456'; }
}
class Arrived {
    public $id = 'b6e2a1c4';
    public function toGatewayd($user) {
        return new App\\Channels\\GatewaydMessage('Votre colis est arrivé.', ['reference' => 'colis-88']);
    }
}
$channel = new App\\Channels\\GatewaydChannel(getenv('GATEWAY_URL'), $argv[2]);
try {
    echo json_encode([$channel->send(new User, new Arrived), $channel->send(new User, new Arrived)]);
} catch (App\\Channels\\GatewaydRefused $refused) {
    echo json_encode($refused->errorCode);
}
"""


def test_the_channel_for_laravel_sends_a_notification_once(running: Running, tmp_path: Path) -> None:
    script = tmp_path / "notify.php"
    script.write_text(LARAVEL, encoding="utf-8")

    def notify(key: str) -> object:
        channel = EXAMPLES / "laravel" / "GatewaydChannel.php"
        done = subprocess.run(
            [need("php"), script, channel, key],
            env={**os.environ, "GATEWAY_URL": running.url},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    owner = tenant(running)
    sent = notify(owner.secret)
    assert isinstance(sent, list)
    assert sent[0] == sent[1]
    assert owner.client.status(sent[0]["sms_id"])["reference"] == "colis-88"
    assert len(owner.client.get("/sms/messages").data) == 1
    assert notify("wrong") == "invalid_api_key"


@contextmanager
def receiver(language: str, output: Path, secret: str, port: int) -> Iterator[str]:
    """A running receiver that writes what it prints to a file; its address."""
    program, *arguments = RECEIVERS[language]
    environment = {
        **os.environ,
        "HOST": "127.0.0.1",
        "WEBHOOK_SECRET": secret,
        "TMPDIR": str(output.parent),
    }
    with output.open("w") as out:
        process = subprocess.Popen(
            [need(program), *(argument.format(port=port) for argument in arguments)],
            cwd=EXAMPLES / "webhooks",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        eventually(lambda: _answers(url), 30)
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        requests.post(url, data=b"", timeout=10)
    except requests.ConnectionError:
        return False
    return True


def signed(event_id: str, body: bytes, *, at: float | None = None, secret: bytes = SECRET) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0.0 for a body."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


@pytest.mark.parametrize("language", RECEIVERS)
def test_a_receiver_takes_what_is_signed_once_and_refuses_all_else(tmp_path: Path, language: str) -> None:
    output = tmp_path / "output"
    secret = f"whsec_{base64.b64encode(SECRET).decode()}"
    with receiver(language, output, secret, free_port()) as url:

        def post(body: bytes, headers: dict[str, str]) -> int:
            return requests.post(url, data=body, headers=headers, timeout=10).status_code

        body = json.dumps(
            {"id": "evt_1", "type": "message.sent", "timestamp": "x", "data": {"m": "é"}}
        ).encode()
        assert post(body, signed("evt_1", body)) == 204
        assert post(body, signed("evt_1", body)) == 204
        two = signed("evt_2", body)
        two["webhook-signature"] = "v1,b2xk " + two["webhook-signature"]
        assert post(body, two) == 204
        assert post(body.replace(b"sent", b"seen"), signed("evt_3", body)) == 401
        assert post(body, signed("evt_4", body) | {"webhook-id": "evt_5"}) == 401
        assert post(body, signed("evt_6", body, at=time.time() - 600)) == 401
        assert post(body, signed("evt_7", body, secret=b"another")) == 401
        assert post(body, {}) == 401
    assert output.read_text().splitlines() == ["message.sent evt_1", "message.sent evt_1"]


@pytest.mark.parametrize("language", RECEIVERS)
def test_a_receiver_takes_the_events_of_a_gateway(tmp_path: Path, language: str) -> None:
    need(RECEIVERS[language][0])
    output, port = tmp_path / "output", free_port()
    hooked = Hooked(tmp_path / "gateway")
    hooked.clock.at = time.time_ns() // 1000  # a receiver refuses what was signed long ago
    try:
        webhook = hooked.hook(f"http://127.0.0.1:{port}/")
        with receiver(language, output, webhook.secrets[0], port):
            hooked.write("a", "b")
            eventually(lambda: output.read_text().count("\n") == 2)
    finally:
        hooked.close()
    assert [line.split()[0] for line in output.read_text().splitlines()] == ["quota.threshold"] * 2
