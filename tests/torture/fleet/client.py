"""Clients at all boxes that repeat each request, with its idempotency key and at any box, until it is answered."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import requests

from tests.torture.client import BULK, BUSY_STATUSES, FORGETFUL_SHARE, LONG, Accepted

ANSWER_S = 5.0
CONNECT_S = 2.0
HANG_UP_S = 0.02
HANG_UP_SHARE = 0.1
LONG_SHARE = 0.3  # of messages of two parts: more can go wrong with them
TAKEN = (200, 202)
LAST_ANSWER_S = 120.0


class Clients:
    """One thread for each box. Every message has a recipient of its own, so that the networks can tell them apart."""

    def __init__(self, apis: Sequence[str], headers: dict[str, str], seed: int, pause_s: float) -> None:
        self.apis = list(apis)
        self.headers = {**headers, "Prefer": "respond-async"}
        self.seed = seed
        self.pause_s = pause_s
        self.accepted: list[Accepted] = []
        self.answers: Counter[str] = Counter()  # by status, or by error
        self.unexpected: list[str] = []
        self._stopping = threading.Event()
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self._busy = 0
        self._known: set[str] = set()
        self._threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(len(self.apis))
        ]

    def start(self) -> None:
        """Start sending."""
        for thread in self._threads:
            thread.start()

    def pause(self, timeout_s: float) -> bool:
        """Begin no new request; whether all others were answered in time."""
        self._open.clear()
        deadline = time.monotonic() + timeout_s
        while self._busy and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self._busy

    def resume(self) -> None:
        """Go on after `pause`."""
        self._open.set()

    def stop(self) -> None:
        """Begin no new request, and wait for the answers to all others. The boxes must run."""
        self._stopping.set()
        self._open.set()
        deadline = time.monotonic() + LAST_ANSWER_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                self.unexpected.append(f"a request was not answered within {LAST_ANSWER_S:.0f} s")

    def _run(self, number: int) -> None:
        chance = random.Random(f"{self.seed}/{number}")  # noqa: S311 - repeatable
        session, count = requests.Session(), 0
        while not self._stopping.is_set():
            self._open.wait()
            with self._lock:
                # Between the look and the count `pause` must not believe that nothing runs.
                if not self._open.is_set():
                    continue
                self._busy += 1
            drafts = []
            for _ in range(chance.choice((1, 1, 1, BULK))):
                text = f"Message {number}/{count}" + (LONG if chance.random() < LONG_SHARE else "")
                drafts.append({"recipient": f"+2237{number}{count:06}", "message": text})
                count += 1
            key = f"{self.seed}-{number}-{count}"
            hang_up = chance.random() < HANG_UP_SHARE
            first = self._request(session, chance, number, key, drafts, hang_up=hang_up)
            if first and chance.random() < FORGETFUL_SHARE:
                second = self._request(session, chance, number, key, drafts)
                if second and first != second:
                    self.unexpected.append(f"{key} was sent again with its key and got another answer")
            with self._lock:
                self._busy -= 1
            self._stopping.wait(self.pause_s * chance.uniform(0.2, 1.8))

    def _request(
        self,
        session: requests.Session,
        chance: random.Random,
        home: int,
        key: str,
        drafts: list[dict[str, str]],
        *,
        hang_up: bool = False,
    ) -> list[str]:
        """Send one request until it has a final answer; its `sms_id`s."""
        if len(drafts) == 1:
            path, body = "sms/send", dict[str, Any](drafts[0])
        else:
            path, body = "sms/send-bulk", {"messages": drafts}
        headers = {**self.headers, "Idempotency-Key": key}
        timeout_s = HANG_UP_S if hang_up else ANSWER_S
        at_box, deadline = home, time.monotonic() + 10 * LAST_ANSWER_S
        while time.monotonic() < deadline:
            try:
                answer = session.post(
                    f"{self.apis[at_box]}/{path}", json=body, headers=headers, timeout=(CONNECT_S, timeout_s)
                )
                at, document = time.time(), answer.json()
            except (requests.RequestException, ValueError) as error:
                self._count(type(error).__name__)
                time.sleep(0.1)
            else:
                self._count(str(answer.status_code))
                if answer.status_code in TAKEN:
                    with self._lock:
                        return self._note(document, drafts, key, at)
                if answer.status_code not in BUSY_STATUSES:
                    self._refused(
                        f"{key} was answered {answer.status_code} at {at_box + 1}: {answer.text[:300]}"
                    )
                    return []
                time.sleep(0.15)
            timeout_s = ANSWER_S
            at_box = chance.choice((at_box, chance.randrange(len(self.apis))))
        self._refused(f"{key} was never answered")
        return []

    def _count(self, what: str) -> None:
        with self._lock:
            self.answers[what] += 1

    def _refused(self, sentence: str) -> None:
        with self._lock:
            self.unexpected.append(sentence)

    def _note(self, document: dict[str, Any], drafts: list[dict[str, str]], key: str, at: float) -> list[str]:
        results = document["results"] if len(drafts) > 1 else [{**document["data"], "success": True}]
        for draft, result in zip(drafts, results, strict=True):
            if not result["success"]:
                self.unexpected.append(f"refused: {result}")
            elif draft["recipient"] not in self._known:
                self._known.add(draft["recipient"])
                parts = 2 if draft["message"].endswith(LONG) else 1
                self.accepted.append(Accepted(draft["recipient"], parts, result["sms_id"], key, at))
        return [result.get("sms_id", "") for result in results]
