"""A small client of the gateway: copy it into your program. It needs Python 3.9 and `requests`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import requests


class GatewayError(Exception):
    """The gateway refused. `code` is the error code, `data` its details."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        super().__init__(f"{answer.get('error')}: {answer.get('message')}")
        self.status = status
        self.code: str = answer.get("error", "")
        self.data: dict[str, Any] = answer.get("data", {})


class Gateway:
    """One gateway and one API key. `url` ends in `/api`, as http://192.168.1.20:8000/api."""

    def __init__(self, url: str, key: str, retry_s: float = 900) -> None:
        """`retry_s`: for so long a request is repeated while the gateway cannot be reached."""
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.headers["X-API-Key"] = key
        self._retry_s = retry_s

    def send(self, recipient: str, message: str, once: str | None = None, **options: Any) -> dict[str, Any]:
        """Send one message; `data` of the answer.

        `once` identifies the message in your program (as "parcel-88"): a repetition with it sends nothing twice.
        Options: `reference`, `priority`, `send_at`, `expires_in_s`, `campaign_id`, `sim_number_id`, `transactional`.
        """
        body = {"recipient": recipient, "message": message, **options}
        return self._ask("POST", "/sms/send", body, once or str(uuid.uuid4()))["data"]

    def send_bulk(
        self, messages: list[dict[str, str]], once: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """Send many messages at once; the whole answer, whose `results` stand in the order of `messages`."""
        return self._ask(
            "POST", "/sms/send-bulk", {"messages": messages, **options}, once or str(uuid.uuid4())
        )

    def preview(self, message: str, **options: Any) -> dict[str, Any]:
        """How many parts a text takes, what it costs, and a cheaper text."""
        return self._ask("POST", "/sms/preview", {"message": message, **options})["data"]

    def status(self, sms_id: str) -> dict[str, Any]:
        """One message."""
        return self._ask("GET", f"/sms/status/{sms_id}")["data"]

    def cancel(self, sms_id: str) -> dict[str, Any]:
        """Cancel a message that no modem has yet."""
        return self._ask("POST", f"/sms/cancel/{sms_id}")["data"]

    def events(self, after: str = "", types: str = "") -> Iterator[tuple[dict[str, Any], str]]:
        """Every event from the cursor `after` on, and the cursor behind it: keep that with what you did. Never ends."""
        while True:
            query = {"after": after, "types": types, "wait": "25"}
            page = self._ask("GET", "/events", query={name: value for name, value in query.items() if value})
            for event in page["data"]:
                yield event, page["next_cursor"]
            after = page["next_cursor"]

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        once: str | None = None,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """The answer. Repeats while there is none: safe for sends, because they carry an Idempotency-Key."""
        headers = {"Idempotency-Key": once} if once else {}
        until = time.monotonic() + self._retry_s
        pause = 1.0
        while True:
            wait = pause
            try:
                response = self._session.request(
                    method, self._url + path, json=body, params=query, headers=headers, timeout=60
                )
                answer: dict[str, Any] = response.json()
            except requests.RequestException:
                if time.monotonic() + wait > until:
                    raise
            else:
                if response.ok:
                    return answer
                wait = float(response.headers.get("Retry-After", pause))
                again = response.status_code in (502, 503, 504) or answer.get("error") == "conflict"
                if not again or "Retry-After" not in response.headers or time.monotonic() + wait > until:
                    raise GatewayError(response.status_code, answer)
            time.sleep(wait)
            pause = min(2 * pause, 60)
