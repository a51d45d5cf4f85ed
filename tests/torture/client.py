"""Clients that never give up: each request has an idempotency key, and is said again until it is answered."""

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


@dataclass(frozen=True)
class Accepted:
    """One message that was answered 200, and when the client had that answer (wall clock)."""

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
    repeated: int = 0  # requests that were said again because a connection broke
    unexpected: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to send."""
        self._running = [
            threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(self.threads)
        ]
        for thread in self._running:
            thread.start()

    def stop(self) -> None:
        """Begin nothing new, and wait until all that was begun is answered. The gateway must be there."""
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
            self._say(session, f"{self.seed}-{thread}-{count}", drafts)
            self._stop.wait(self.pause_s * chance.uniform(0.2, 1.8))

    def _say(self, session: requests.Session, key: str, drafts: list[dict[str, str]]) -> None:
        """One request, until it is answered for good."""
        if len(drafts) == 1:
            path, body = "sms/send", dict[str, Any](drafts[0])
        else:
            path, body = "sms/send-bulk", {"messages": drafts}
        headers = {**self.headers, "Prefer": "respond-async", "Idempotency-Key": key}
        while True:
            try:
                answer = session.post(f"{self.api}/{path}", json=body, headers=headers, timeout=ANSWER_S)
                at = time.time()
                told = answer.json()
            except (requests.RequestException, ValueError):
                with self._lock:
                    self.repeated += 1
                time.sleep(0.03)
                continue
            if answer.status_code in (
                409,
                503,
            ):  # the first request is still being answered; or it is starting
                time.sleep(0.05)
                continue
            with self._lock:
                self._note(answer, told, drafts, key, at)
            return

    def _note(
        self,
        answer: requests.Response,
        told: dict[str, Any],
        drafts: list[dict[str, str]],
        key: str,
        at: float,
    ) -> None:
        if answer.status_code != 200:
            self.unexpected.append(f"answered {answer.status_code}: {answer.text[:200]}")
            return
        results = told["results"] if len(drafts) > 1 else [{**told["data"], "success": True}]
        for draft, result in zip(drafts, results, strict=True):
            if not result["success"]:
                self.unexpected.append(f"refused: {result}")
                continue
            parts = 2 if draft["message"].endswith(LONG) else 1
            self.accepted.append(Accepted(draft["recipient"], parts, result["sms_id"], key, at))
