"""A COMMIT whose answer was lost: the box finds out whether it accepted the message."""

from __future__ import annotations

import itertools

import pytest

from tests.conftest import eventually
from tests.fleet.proxy import Proxy
from tests.fleet.shared.running_boxes import RECIPIENT, RunningBox, RunningBoxes

pytestmark = pytest.mark.postgres

_LOOKED_FOR = "it is not known whether messages were kept"


def with_key(boxes: RunningBoxes, proxy: Proxy) -> tuple[RunningBox, RunningBox, str]:
    """A box that reaches PostgreSQL through the proxy, one that sends, and a key."""
    there, here = boxes.add("there"), boxes.add("here", ports=0, proxy=proxy)
    there.ready()
    _, key = boxes.company(there)
    here.knows(key, sims=1)
    return here, there, key


def test_a_message_whose_commit_was_not_answered_is_found_and_sent_once(
    boxes: RunningBoxes, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    here, there, key = with_key(boxes, proxy)
    assert there.bank is not None
    sent: list[tuple[str, str]] = []
    numbers = itertools.count()
    # The order takes the next COMMIT of any connection of the box; mostly that is the one of the message.
    while _LOOKED_FOR not in caplog.text:
        text = f"kept {next(numbers)}"
        with caplog.at_level("INFO"):
            lost = proxy.lose_next_commit_answer()
            answer = here.send(key, text)
        assert lost.happened.wait(60)
        if answer.status_code == 503:  # another connection broke first: nothing was accepted
            continue
        assert answer.status_code == 200, answer.text
        sent.append((text, answer.json()["data"]["sms_id"]))
    for text, sms_id in sent:
        eventually(lambda sms_id=sms_id: there.status(key, sms_id)["status"] in ("sent", "delivered"))  # type: ignore[misc]
        assert [each.text for each in there.bank.accepted()].count(text) == 1


def test_a_request_that_cannot_be_told_is_refused_and_found_by_its_key(
    boxes: RunningBoxes, proxy: Proxy
) -> None:
    here, there, key = with_key(boxes, proxy)
    body = {"recipient": RECIPIENT, "message": "perhaps"}
    proxy.cut()
    answer = here.post("/sms/send", key, body, Idempotency_Key="again", Prefer="respond-async")
    assert (answer.status_code, answer.json()["error"]) == (503, "storage_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    proxy.heal()

    def sent() -> bool:
        again = here.post("/sms/send", key, body, Idempotency_Key="again", Prefer="respond-async")
        return again.status_code in (200, 202)

    eventually(sent)
    assert boxes.one("SELECT count(*) FROM messages WHERE text = 'perhaps'") == 1
    eventually(lambda: boxes.one("SELECT status FROM messages WHERE text = 'perhaps'") != "pending")
    assert there.bank is not None
    assert [text.text for text in there.bank.accepted()] == ["perhaps"]
