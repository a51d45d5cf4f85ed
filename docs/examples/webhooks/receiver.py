"""A receiver of webhooks with Python's own library: WEBHOOK_SECRET=whsec_… python3 receiver.py 9000."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
TOLERANCE_S = 300

# Ids of events that were handled. A real program keeps them in its database, in the transaction of what it does.
seen: set[str] = set()


def is_genuine(headers, body: bytes) -> bool:
    """Whether the gateway signed this body, not long ago."""
    event_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > TOLERANCE_S:
        return False
    digest = hmac.new(SECRET, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    given = headers.get("webhook-signature", "").split(" ")  # two while a new secret replaces an old one
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 at once; what lasts longer belongs in a queue of your own."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        genuine = is_genuine(self.headers, body)
        event_id = self.headers.get("webhook-id", "")
        if genuine and event_id not in seen:  # an event may come twice
            seen.add(event_id)
            event = json.loads(body)
            print(event["type"], event["id"], flush=True)
        self.send_response(204 if genuine else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the output for the events."""


ThreadingHTTPServer((os.environ.get("HOST", "0.0.0.0"), int(sys.argv[1])), Receiver).serve_forever()
