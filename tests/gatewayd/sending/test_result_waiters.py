"""A request that waits for its message ends when the message is cancelled."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path

from gatewayd.records import Draft, MessageFilter, MessageRecord, Options, Replay, Status
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, PlayedGateway


def test_a_waiting_request_ends_when_its_message_is_cancelled_by_an_id_in_capitals(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path)
    played.up(1, "8922301000000000001")
    future: Future[MessageRecord | Replay] = Future()

    def send() -> None:
        future.set_result(played.gateway.submit(played.caller, Draft(RECIPIENT, "x"), Options(), None, 60)[0])

    thread = threading.Thread(target=send)
    thread.start()
    (message,) = eventually(lambda: played.gateway.messages(played.caller, MessageFilter())[0])
    played.gateway.cancel(played.caller, message.sms_id.upper())
    view = future.result(60)
    thread.join()
    assert isinstance(view, MessageRecord)
    assert view.status is Status.CANCELLED
    played.close()
