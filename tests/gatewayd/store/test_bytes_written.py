"""Bytes written for a message: an SD card wears out by writes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gatewayd.records import Status
from modem.parts import Submitted
from modem.sms.tpdu import StatusReport
from tests.conftest import eventually
from tests.gatewayd.played_ports import PlayedGateway
from tests.gatewayd.store.wal import FRAME_HEADER, frames, uncopied

CARD = "89223010000000000010"
MESSAGES = 10
LOGGED = 16 << 10  # bytes of log for a message, from accepted to delivered; with pages of 4 KiB it is 90


def test_a_message_writes_little_from_accepted_to_delivered(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, ports=1)
    try:
        played.up(1, CARD)
        path = played.settings.store.path
        played.store.cut_log()
        eventually(lambda: uncopied(path) == 0)
        for reference in range(MESSAGES):
            sms_id = played.send("Votre code de confirmation est 123456. Il expire dans dix minutes.")
            submission = played.claim(1)
            played.settle(1, submission, Submitted(reference))
            now = datetime.now(UTC)
            played.gateway.dispatcher.reported(
                played.statuses[1], StatusReport("", reference, submission.recipient, now, now, 0)
            )
            assert played.view(sms_id).status is Status.DELIVERED
        page: int = played.row("PRAGMA page_size")[0]
        assert 0 < frames(path) * (page + FRAME_HEADER) / MESSAGES < LOGGED
    finally:
        played.close()
