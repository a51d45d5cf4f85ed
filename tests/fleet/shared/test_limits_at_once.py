"""Quotas, limits of SIMs and idempotency keys hold for clients that ask at several boxes at the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import requests

from tests.conftest import eventually
from tests.fleet.shared.running_boxes import RECIPIENT, RunningBox, RunningBoxes

pytestmark = pytest.mark.postgres

_CLIENTS = 50


def at_once(asked: list[Callable[[], requests.Response]]) -> list[requests.Response]:
    """The answers to requests that begin together."""
    start = Barrier(len(asked))

    def ask(one: Callable[[], requests.Response]) -> requests.Response:
        start.wait(60)
        return one()

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(ask, asked))


def three(boxes: RunningBoxes) -> list[RunningBox]:
    """Three boxes, of which one has a modem."""
    made = [boxes.add("one"), boxes.add("two", ports=0), boxes.add("three", ports=0)]
    made[0].ready()
    _, key = boxes.company(made[0])
    for box in made:
        box.knows(key, sims=1)
    return made


def test_clients_at_three_boxes_get_exactly_the_rest_of_a_quota(boxes: RunningBoxes) -> None:
    made = three(boxes)
    _, key = boxes.company(made[0], quota=10)
    for box in made:
        box.knows(key)
    answers = at_once(
        [lambda box=made[number % 3]: box.send(key, "one of ten") for number in range(_CLIENTS)]  # type: ignore[misc]
    )
    codes = Counter(answer.status_code for answer in answers)
    assert codes == {200: 10, 429: _CLIENTS - 10}, Counter(
        answer.text for answer in answers if answer.status_code not in (200, 429)
    )
    quota = made[1].get("/sms/quota", key).json()["data"]
    assert (quota["sent_this_month"], quota["remaining"]) == (10, 0)
    told = boxes.one("SELECT count(*) FROM events WHERE type = 8")
    assert told == 2  # at 80 and at 100 per cent, once each


def test_clients_at_three_boxes_get_exactly_the_rest_of_the_limit_of_a_sim(boxes: RunningBoxes) -> None:
    made = three(boxes)
    sim = made[0].run("sim.list")[0]["id"]
    made[1].run("sim.set", sim=sim, changes={"daily_limit": 10})
    _, key = boxes.company(made[0])
    for box in made:
        box.knows(key)
    answers = at_once(
        [lambda box=made[number % 3]: box.send(key, "one of ten") for number in range(_CLIENTS)]  # type: ignore[misc]
    )
    codes = Counter(answer.status_code for answer in answers)
    assert codes == {200: 10, 400: _CLIENTS - 10}, [answer.text for answer in answers[:3]]
    assert boxes.one("SELECT sum(taken) FROM sim_usage WHERE sim_id = ?", sim) == 10
    eventually(lambda: boxes.one("SELECT count(*) FROM messages WHERE status = 'pending'") == 0)
    assert made[0].bank is not None
    assert len(made[0].bank.accepted()) == 10


def test_the_same_idempotency_key_at_two_boxes_at_once_is_one_message(boxes: RunningBoxes) -> None:
    made = three(boxes)
    _, key = boxes.company(made[0])
    for box in made:
        box.knows(key)
    body = {"recipient": RECIPIENT, "message": "once"}
    for number in range(5):

        def ask(box: RunningBox, used: str = f"key-{number}") -> requests.Response:
            return box.post("/sms/send", key, body, Idempotency_Key=used, Prefer="respond-async")

        answers = at_once([lambda box=box: ask(box) for box in made * 4])  # type: ignore[misc]
        assert {answer.status_code for answer in answers} <= {200, 202, 409}, [each.text for each in answers]
        ids = {answer.json()["data"]["sms_id"] for answer in answers if answer.status_code != 409}
        assert len(ids) == 1
        assert boxes.one("SELECT count(*) FROM messages") == number + 1
        again = eventually(lambda: (found := ask(made[2])).status_code != 409 and found)
        assert {again.json()["data"]["sms_id"]} == ids
