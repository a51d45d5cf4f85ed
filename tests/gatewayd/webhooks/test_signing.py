"""Signatures are those of Standard Webhooks: its libraries in Python and JavaScript accept them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from gatewayd.webhooks.signing import new_secret, signed_headers

BODY = '{"id": "evt_1", "data": {"message": "ça va 😀"}}'.encode()
NODE_MODULES = Path(
    os.environ.get("NODE_PATH", Path(__file__).parents[3] / "build" / "clients" / "node_modules")
)
VERIFY = """
const { Webhook } = require("standardwebhooks");
const { secret, body, headers } = JSON.parse(require("fs").readFileSync(0, "utf8"));
try { new Webhook(secret).verify(body, headers); console.log("accepted"); }
catch (error) { console.log("refused"); }
"""


def headers_of(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    return signed_headers(secrets, "evt_1", int(time.time()), body)


def test_a_secret_is_32_random_bytes() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) for one in made} == {32}


def test_the_example_of_the_specification_is_signed_as_printed_there() -> None:
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_python_library_accepts_each_of_two_secrets_and_no_other() -> None:
    new, old = new_secret(), new_secret()
    headers = headers_of(new, old)
    for secret in (new, old):
        assert Webhook(secret).verify(BODY, headers)["id"] == "evt_1"
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(BODY.replace(b"1", b"2"), headers)


def _judged_by_node(secret: str, body: bytes, headers: dict[str, str]) -> str:
    asked = json.dumps({"secret": secret, "body": body.decode(), "headers": headers})
    done = subprocess.run(
        ["node", "-e", VERIFY],
        input=asked,
        env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.strip()


@pytest.mark.skipif(
    shutil.which("node") is None or not (NODE_MODULES / "standardwebhooks").exists(),
    reason="node or its package standardwebhooks is not installed: .ci/run does that",
)
def test_the_javascript_library_accepts_it_too() -> None:
    secret, old = new_secret(), new_secret()
    assert _judged_by_node(secret, BODY, headers_of(old, secret)) == "accepted"
    assert _judged_by_node(secret, BODY + b" ", headers_of(old, secret)) == "refused"
