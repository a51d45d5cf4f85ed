"""A first program for each language, filled with the address of the box and a key."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Final

from config.settings import Address

_TEXT: Final = "Bonjour de gatewayd"

# No packet is sent to it: the kernel only chooses the local address (TEST-NET-1, RFC 5737).
_ELSEWHERE: Final = ("192.0.2.1", 9)
_ANYWHERE: Final = ("0.0.0.0", "*", "::")  # noqa: S104 - compared, not bound
_THIS_BOX: Final = ("localhost", "127.0.0.1", "[::1]")


def api_address(scheme: str, host: str, listens: Sequence[Address]) -> str:
    """The address of the API for programs in the LAN. `host`: as the browser named the box, with its port.

    A browser on the box itself names it by loopback, which no other machine can use.
    """
    name, colon, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    if name in _THIS_BOX and any(each.host in _ANYWHERE for each in listens):
        name = _lan_address() or name
    return f"{scheme}://{name}{colon}{port}/api"


def is_loopback(url: str) -> bool:
    """Whether an address of `api_address` works on the box alone."""
    return any(f"//{name}:" in url or f"//{name}/" in url for name in _THIS_BOX)


def snippets(url: str, key: str, recipient: str) -> list[tuple[str, str]]:
    """Pairs of language and program. A JSON string is a string of Python, PHP and JavaScript too, without `$` for PHP."""
    body = json.dumps({"recipient": recipient, "message": _TEXT})
    address, quoted_key = json.dumps(f"{url}/sms/send"), json.dumps(key)
    return [
        (
            "curl",
            f"curl {url}/sms/send \\\n"
            f'  -H "X-API-Key: {key}" \\\n'
            '  -H "Content-Type: application/json" \\\n'
            '  -H "Idempotency-Key: first-1" \\\n'
            f"  -d '{body}'",
        ),
        (
            "Python",
            "import requests\n\n"
            "answer = requests.post(\n"
            f"    {address},\n"
            f'    headers={{"X-API-Key": {quoted_key}, "Idempotency-Key": "first-1"}},\n'
            f"    json={body},\n"
            "    timeout=30,\n"
            ")\n"
            "print(answer.status_code, answer.json())",
        ),
        (
            "PHP / Laravel",
            "use Illuminate\\Support\\Facades\\Http;\n\n"
            f'$answer = Http::withHeaders(["X-API-Key" => {quoted_key}, "Idempotency-Key" => "first-1"])\n'
            "    ->timeout(30)\n"
            f"    ->post({address}, [\n"
            f'        "recipient" => {json.dumps(recipient)},\n'
            f'        "message" => {json.dumps(_TEXT)},\n'
            "    ]);\n"
            "$answer->json();",
        ),
        (
            "Node",
            f"const answer = await fetch({address}, {{\n"
            '  method: "POST",\n'
            "  headers: {\n"
            f'    "X-API-Key": {quoted_key},\n'
            '    "Content-Type": "application/json",\n'
            '    "Idempotency-Key": "first-1",\n'
            "  },\n"
            f"  body: JSON.stringify({body}),\n"
            "});\n"
            "console.log(answer.status, await answer.json());",
        ),
    ]


def _lan_address() -> str:
    """The address of this box in its network; "" without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return ""
        return str(probe.getsockname()[0])
