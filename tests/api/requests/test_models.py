"""Valid and invalid request bodies; an invalid one reports every fault."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.requests.models import (
    LONGEST_EXPIRY_S,
    BulkRequest,
    Rejected,
    Rules,
    SendRequest,
    bulk_request,
    in_bulk,
    send_request,
)
from config.settings import NumberSettings
from gatewayd.errors import Fault, InvalidRequestError
from gatewayd.records import Draft, Idempotency, Options, Priority
from gatewayd.sims.numbering import Numbering

RULES = Rules(Numbering(NumberSettings()).e164, bulk_max=5)
VALID = {"recipient": "70123456", "message": "Bonjour"}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**60, max_value=2**70)
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["70123456", "+22370123456", "otp", "normal", "\ud800", "x" * 1601])
)
NAMES = st.sampled_from(
    ["recipient", "message", "messages", "sim_number_id", "campaign_id", "priority", "expires_in_s", "other"]
)
OBJECTS = st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=2))
HEADERS = st.none() | st.text(st.characters(max_codepoint=0xFF))


def send(body: Any, header: str | None = None) -> SendRequest:
    return send_request(json.dumps(body).encode(), "/api/sms/send", header, RULES)


def bulk(body: Any, header: str | None = None) -> BulkRequest:
    return bulk_request(json.dumps(body).encode(), "/api/sms/send-bulk", header, RULES)


def faults(body: Any, header: str | None = None) -> list[str]:
    with pytest.raises(InvalidRequestError) as caught:
        (bulk if isinstance(body, dict) and "messages" in body else send)(body, header)
    assert all(fault.message for fault in caught.value.faults)
    return [fault.field for fault in caught.value.faults]


@given(st.binary() | (OBJECTS | SCALARS).map(lambda body: json.dumps(body).encode()), HEADERS)
def test_any_send_is_valid_or_refused(raw: bytes, header: str | None) -> None:
    with suppress(InvalidRequestError):
        request = send_request(raw, "/x", header, RULES)
        assert request.draft.recipient.startswith("+223")
        assert 1 <= len(request.draft.text) <= 1600
        assert request.draft.text.encode().strip()
        assert (request.idempotency is None) == (header is None)


@given(
    st.binary()
    | st.fixed_dictionaries(
        {"messages": st.lists(OBJECTS | SCALARS, max_size=7)}, optional={"priority": SCALARS}
    ).map(lambda body: json.dumps(body).encode()),
    HEADERS,
)
def test_any_bulk_is_valid_or_refused_and_keeps_its_order(raw: bytes, header: str | None) -> None:
    with suppress(InvalidRequestError):
        request = bulk_request(raw, "/x", header, RULES)
        items = json.loads(raw)["messages"]
        assert 1 <= len(items) == len(request.messages) <= 5
        for item, message in zip(items, request.messages, strict=True):
            if isinstance(message, Draft):
                assert message.text == item["message"]
            else:
                assert message.faults


def test_a_send_with_every_option() -> None:
    options = {
        "sim_number_id": 3,
        "campaign_id": -5,
        "priority": "otp",
        "expires_in_s": 60,
        "unknown": {"a": 1},
    }
    assert send(VALID | options) == SendRequest(
        Draft("+22370123456", "Bonjour"), Options(3, -5, Priority.OTP, 60), None
    )


def test_an_option_that_is_null_counts_as_absent() -> None:
    nulls = dict.fromkeys(["sim_number_id", "campaign_id", "priority", "expires_in_s"])
    assert send(VALID | nulls) == send(VALID)
    assert send(VALID).options == Options()


INVALID: dict[str, list[object]] = {
    "recipient": [
        *(None, 70123456, ["70123456"], True, "", "7012345", "70123456\n", " 70123456", "٧0123456"),
        *("223701234567", "26312345678", "22350123456"),
    ],
    "message": [
        None,
        5,
        "",
        " ",
        "\n\t\u00a0\u2003",
        "\u200b\u2060",
        "\ufeff",
        "x" * 1601,
        "\ud83d",
        "a\udc00b",
    ],
    "sim_number_id": [True, False, "1", 1.0, 1.5, [], {}, 2**63, -(2**63) - 1, 10**400],
    "campaign_id": [True, False, "1", 1.0, 1.5, [], {}, 2**63, -(2**63) - 1, 10**400],
    "priority": ["", "OTP", "high", 0, True, []],
    "expires_in_s": [0, -1, True, "60", 60.0, LONGEST_EXPIRY_S + 1, 2**70],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in INVALID.items() for value in values]
)
def test_a_wrong_value_is_a_fault_of_its_field(name: str, value: object) -> None:
    assert faults(VALID | {name: value}) == [name]
    if name in ("recipient", "message"):
        (message,) = bulk({"messages": [VALID | {name: value}]}).messages
        assert isinstance(message, Rejected)
        assert [fault.field for fault in message.faults] == [name]
    else:
        assert faults({"messages": [VALID], name: value}) == [name]


@pytest.mark.parametrize("text", ["x", "é" * 1600, "😀" * 1600, " x", "👩\u200d👧", "\0"])
def test_a_text_is_accepted_unchanged(text: str) -> None:
    assert send(VALID | {"message": text}).draft.text == text


@pytest.mark.parametrize("bound", [-(2**63), 2**63 - 1, 0])
def test_ids_have_64_bits(bound: int) -> None:
    assert send(VALID | {"sim_number_id": bound, "campaign_id": bound}).options == Options(bound, bound)


def test_the_longest_expiry_is_accepted() -> None:
    assert send(VALID | {"expires_in_s": LONGEST_EXPIRY_S}).options.expires_in_s == 38_102_400


def test_all_faults_are_reported_at_once() -> None:
    invalid = {"message": "", "campaign_id": True, "priority": "x", "expires_in_s": 0, "sim_number_id": "1"}
    assert set(faults(invalid, "a b")) == {"recipient", "Idempotency-Key", *invalid}
    assert faults({"recipient": "7", "message": " "}) == ["recipient", "message"]
    assert faults([], "a b") == ["body", "Idempotency-Key"]
    assert faults({"messages": [VALID, {"recipient": "7"}, 5], "priority": "x"}, "") == [
        "priority",
        "messages.1.recipient",
        "messages.1.message",
        "messages.2",
        "Idempotency-Key",
    ]


@pytest.mark.parametrize("messages", [None, {}, "x", 5, [], [VALID] * 6])
def test_a_bulk_without_a_list_of_the_right_length_is_refused(messages: object) -> None:
    assert faults({"messages": messages}) == ["messages"]


def test_a_bulk_without_messages_is_refused() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        bulk(VALID)
    assert caught.value.faults == [Fault("messages", "is required")]


def test_a_message_of_a_bulk_fails_alone() -> None:
    request = bulk(
        {"messages": [5, VALID, {"recipient": 7, "message": "x"}, {"recipient": "\ud800"}], "campaign_id": 4}
    )
    first, second, third, fourth = request.messages
    assert first == Rejected("", (Fault("", "must be a JSON object"),))
    assert second == Draft("+22370123456", "Bonjour")
    assert third == Rejected("", (Fault("recipient", "must be a string"),))
    assert isinstance(fourth, Rejected)
    assert fourth.recipient == "\ud800"
    assert [fault.field for fault in fourth.faults] == ["recipient", "message"]
    assert request.options == Options(campaign_id=4)


def test_a_fault_in_a_bulk_is_named_by_its_path() -> None:
    assert in_bulk(3, Fault("recipient", "x")) == Fault("messages.3.recipient", "x")
    assert in_bulk(3, Fault("", "x")) == Fault("messages.3", "x")


def test_the_idempotency_key_goes_with_the_fingerprint_of_the_body() -> None:
    plain, quoted = send(VALID, "abc").idempotency, send(VALID | {}, '"abc"').idempotency
    assert isinstance(plain, Idempotency)
    assert plain == quoted
    other = send(VALID | {"campaign_id": 1}, "abc").idempotency
    assert other is not None
    assert other.fingerprint != plain.fingerprint
