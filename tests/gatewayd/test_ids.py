"""The ids of messages."""

from __future__ import annotations

import uuid

from gatewayd.ids import new_sms_id, next_task_id


def test_an_sms_id_is_a_version_7_uuid_of_its_time() -> None:
    sms_id = uuid.UUID(new_sms_id(1_800_000_000_123_456))
    assert (sms_id.version, sms_id.variant) == (7, uuid.RFC_4122)
    assert sms_id.int >> 80 == 1_800_000_000_123
    assert len({new_sms_id(0) for _ in range(1000)}) == 1000


def test_a_task_id_is_the_time_in_tenths_of_milliseconds() -> None:
    assert next_task_id(1_761_759_269_170_800, 0) == 17617592691708
    assert next_task_id(0, 17617592691708) == 17617592691709
