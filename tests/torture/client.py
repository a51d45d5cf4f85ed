"""Clients that repeat each request, with its idempotency key, until it is answered."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests

BULK = 6
LONG = " and so on" * 20  # two parts
ANSWER_S = 15.0
BUSY_STATUSES = (409, 503)  # the first request is still being answered; the daemon is stopping
IMPATIENT_SHARE, IMPATIENT_S = (
    0.1,
    0.004,
)  # a share of requests whose clients hang up so soon and send them again
FORGETFUL_SHARE = 0.1  # a share that is sent once more although it was answered


@dataclass(frozen=True)
class Accepted:
    """One message that was answered 200, and the time of that answer (wall clock)."""

    recipient: str
    parts: int
    sms_id: str
    key: str  # the idempotency key of its request
    at: float


@dataclass
class Clients:
    """Threads that send at a steady pace. Every message has a recipient of its own, so that the network can tell them apart."""

    api: str
    headers: dict[str, str]
    seed: int
    pause_s: float
    threads: int = 3
    accepted: list[Accepted] = field(default_factory=list)
    repeated: int = 0  # requests that were sent again
    unexpected: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: set[str] = field(default_factory=set)
    _running: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start sending."""
        self._running = [
            threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(self.threads)
        ]
        for thread in self._running:
            thread.start()

    def stop(self) -> None:
        """Start no new request, and wait for the answers to all others. The gateway must run."""
        self._stop.set()
        for thread in self._running:
            thread.join(60)
            if thread.is_alive():
                self.unexpected.append("a request was not answered within a minute")

    def _send(self, thread: int) -> None:
        chance = random.Random(f"{self.seed}/{thread}")  # noqa: S311 - repeatable
        session = requests.Session()
        count = 0
        while not self._stop.is_set():
            drafts = []
            for _ in range(chance.choice((1, 1, 1, BULK))):
                text = f"Message {thread}/{count}" + (LONG if chance.random() < 0.15 else "")
                drafts.append({"recipient": f"+2237{thread}{count:06}", "message": text})
                count += 1
            key, hang_up = f"{self.seed}-{thread}-{count}", chance.random() < IMPATIENT_SHARE
            sms_ids = self._request(session, key, drafts, hang_up=hang_up)
            if chance.random() < FORGETFUL_SHARE and self._request(session, key, drafts) != sms_ids:
                self.unexpected.append(f"sent again with the same key, {key} got another answer")
            self._stop.wait(self.pause_s * chance.uniform(0.2, 1.8))

    def _request(
        self, session: requests.Session, key: str, drafts: list[dict[str, str]], *, hang_up: bool = False
    ) -> list[str]:
        """Send one request until it has a final answer; return its `sms_id`s. `hang_up`: do not wait for the first answer."""
        if len(drafts) == 1:
            path, body = "sms/send", dict[str, Any](drafts[0])
        else:
            path, body = "sms/send-bulk", {"messages": drafts}
        headers = {**self.headers, "Prefer": "respond-async", "Idempotency-Key": key}
        timeout_s = IMPATIENT_S if hang_up else ANSWER_S
        while True:
            try:
                answer = session.post(
                    f"{self.api}/{path}", json=body, headers=headers, timeout=(ANSWER_S, timeout_s)
                )
                at = time.time()
                document = answer.json()
            except (requests.RequestException, ValueError):
                with self._lock:
                    self.repeated += 1
                timeout_s = ANSWER_S
                time.sleep(0.03)
                continue
            if answer.status_code in BUSY_STATUSES:
                time.sleep(0.05)
                continue
            with self._lock:
                return self._note(answer, document, drafts, key, at)

    def _note(
        self,
        answer: requests.Response,
        document: dict[str, Any],
        drafts: list[dict[str, str]],
        key: str,
        at: float,
    ) -> list[str]:
        if answer.status_code != 200:
            self.unexpected.append(f"answered {answer.status_code}: {answer.text[:200]}")
            return []
        results = document["results"] if len(drafts) > 1 else [{**document["data"], "success": True}]
        for draft, result in zip(drafts, results, strict=True):
            if not result["success"]:
                self.unexpected.append(f"refused: {result}")
            elif draft["recipient"] not in self._known:
                self._known.add(draft["recipient"])
                parts = 2 if draft["message"].endswith(LONG) else 1
                self.accepted.append(Accepted(draft["recipient"], parts, result["sms_id"], key, at))
        return [result.get("sms_id", "") for result in results]
