"""Records and errors as the JSON of the guide."""

from __future__ import annotations

import inspect
import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import MethodNotAllowed, NotFound, RequestEntityTooLarge, UnsupportedMediaType

from api.endpoints.bulk import bulk_document
from api.endpoints.send import send_document
from api.requests.models import Rejected
from api.requests.query_params import LARGEST_PAGE, message_filter
from api.responses import serializers
from api.responses.errors import MissingKeyError, http_refusal, refusal, status_and_code
from api.responses.json_format import document, timestamp
from config.settings import NumberSettings
from gatewayd import errors
from gatewayd.errors import Fault, GatewayError, InvalidRequestError, SimUnavailableError
from gatewayd.records import (
    Accepted,
    Draft,
    MessageFilter,
    MessageRecord,
    Priority,
    QuotaRecord,
    SimRecord,
    Status,
)
from gatewayd.sims.numbering import Numbering

MOMENT = 1_761_834_600_000_000  # 2025-10-30T14:30:00Z
VIEW = MessageRecord(
    sms_id="uuid-here",
    task_id="17617592691708",
    recipient="+22370123456",
    sim_number="+22366603716",
    text="Your message text",
    status=Status.SENT,
    created_at=MOMENT,
    sent_at=MOMENT,
    delivered_at=None,
    failed_at=None,
    failure_reason=None,
    cost=0.05,
    retry_count=0,
    campaign_id=5,
    priority=Priority.NORMAL,
    parts=1,
    in_doubt=False,
)
SIM = SimRecord(
    1,
    "+22366603716",
    "Orange Mali SIM",
    "Orange",
    8,
    2,
    True,
    0.0,
    100,
    3000,
    45,
    2,
    1250,
    True,
    "Orange Mali",
)


def test_the_status_is_as_the_guide_prints_it() -> None:
    assert serializers.message(VIEW) == {
        "sms_id": "uuid-here",
        "recipient": "+22370123456",
        "sender": "+22366603716",
        "message": "Your message text",
        "status": "sent",
        "status_label": "Sent",
        "sent_at": "2025-10-30T14:30:00.000000Z",
        "delivered_at": None,
        "failed_at": None,
        "failure_reason": None,
        "cost": 0.05,
        "retry_count": 0,
        "sim_number": "+22366603716",
        "in_doubt": False,
        "campaign_id": 5,
        "reference": None,
        "parts": 1,
        "created_at": "2025-10-30T14:30:00.000000Z",
        "send_at": None,
        "expires_at": None,
        "sandbox": False,
    }


def test_the_sims_are_as_the_guide_prints_them() -> None:
    assert document(serializers.sims(SIM, [SIM])) == json.dumps(
        {
            "assigned_sim": {
                "id": 1,
                "number": "+22366603716",
                "name": "Orange Mali SIM",
                "operator": "Orange",
                "can_send_sms": True,
            },
            "available_sims": [
                {
                    "id": 1,
                    "number": "+22366603716",
                    "name": "Orange Mali SIM",
                    "operator": "Orange",
                    "port": 8,
                    "slot": 2,
                    "is_default": True,
                    "balance": 0,
                    "daily_limit": 100,
                    "monthly_limit": 3000,
                    "usage_stats": {"today_sent": 45, "today_failed": 2, "this_month_sent": 1250},
                    "can_send_sms": True,
                    "assigned_to": "Orange Mali",
                    "balance_at": None,  # beyond the guide, as what follows
                    "bundle_units": None,
                    "bundle_end": None,
                }
            ],
            "total_available": 1,
        }
    )
    assert serializers.sims(None, []) == {"assigned_sim": None, "available_sims": [], "total_available": 0}


def test_the_quota_of_a_company_with_and_without_a_limit() -> None:
    assert serializers.quota(QuotaRecord(1000, 750, MOMENT)) == {
        "total_quota": 1000,
        "sent_this_month": 750,
        "remaining": 250,
        "usage_percentage": 75.0,
        "resets_at": "2025-10-30T14:30:00.000000Z",
    }
    unlimited = serializers.quota(QuotaRecord(None, 750, MOMENT))
    assert (unlimited["total_quota"], unlimited["remaining"]) == (None, None)


@pytest.mark.parametrize(
    ("view", "http", "status", "message"),
    [
        (VIEW, 200, "sent", "SMS envoyé avec succès"),
        (replace(VIEW, status=Status.DELIVERED), 200, "sent", "SMS envoyé avec succès"),
        (replace(VIEW, status=Status.PENDING, sent_at=None), 200, "pending", "SMS mis en file d'attente"),
        (replace(VIEW, status=Status.CANCELLED, sent_at=None), 200, "cancelled", "SMS annulé"),
    ],
)
def test_a_send_is_answered_with_the_state_of_its_message(
    view: MessageRecord, http: int, status: str, message: str
) -> None:
    assert send_document(view) == (
        http,
        {
            "success": True,
            "message": message,
            "data": {
                "sms_id": "uuid-here",
                "task_id": "17617592691708",
                "sim_number": "+22366603716",
                "recipient": "+22370123456",
                "status": status,
            },
        },
    )


def test_a_send_refused_for_good_is_answered_send_failed() -> None:
    status, content = send_document(
        replace(VIEW, status=Status.FAILED, sent_at=None, failure_reason="Unassigned number")
    )
    assert status == 500
    assert content["success"] is False
    assert content["error"] == "send_failed"
    assert (
        content["data"].items()
        >= {"sms_id": "uuid-here", "status": "failed", "failure_reason": "Unassigned number"}.items()
    )


ACCEPTED = Draft("+22370123456", "Message 1")
REJECTED = Rejected("7", (Fault("recipient", "is wrong"), Fault("message", "is required")))


def test_a_bulk_is_answered_as_the_guide_prints_it() -> None:
    accepted = [
        Accepted("uuid-1", "17617592691708", "+22366603716"),
        Accepted("uuid-2", "17617592691709", "+22366603716"),
    ]
    status, content = bulk_document([ACCEPTED, Draft("+22370987654", "Message 2")], accepted)
    assert status == 200
    assert content == {
        "success": True,
        "message": "Envoi terminé: 2 succès, 0 échecs",
        "summary": {"total": 2, "success": 2, "failed": 0},
        "results": [
            {
                "recipient": "+22370123456",
                "success": True,
                "sms_id": "uuid-1",
                "task_id": "17617592691708",
                "sim_number": "+22366603716",
                "status": "pending",
            },
            {
                "recipient": "+22370987654",
                "success": True,
                "sms_id": "uuid-2",
                "task_id": "17617592691709",
                "sim_number": "+22366603716",
                "status": "pending",
            },
        ],
    }


def test_a_bulk_accepted_in_part_lists_each_failure_in_order() -> None:
    status, content = bulk_document(
        [REJECTED, ACCEPTED, ACCEPTED], [Accepted("a", "b", "c"), SimUnavailableError()]
    )
    assert status == 200
    assert content["message"] == "Envoi terminé: 1 succès, 2 échecs"
    assert content["results"][0] == {
        "recipient": "7",
        "success": False,
        "error": "invalid_request",
        "message": "recipient: is wrong; message: is required",
    }
    assert [result["success"] for result in content["results"]] == [False, True, False]
    assert content["results"][2]["error"] == "sim_unavailable"


@pytest.mark.parametrize(
    ("messages", "code"),
    [([REJECTED, ACCEPTED], "invalid_request"), ([ACCEPTED, REJECTED], "sim_unavailable")],
)
def test_a_bulk_without_an_accepted_message_is_400_with_the_first_fault(
    messages: list[Draft | Rejected], code: str
) -> None:
    status, content = bulk_document(messages, [SimUnavailableError()])
    assert status == 400
    assert content["success"] is False
    assert content["error"] == code
    assert content["summary"] == {"total": 2, "success": 0, "failed": 2}
    assert len(content["results"]) == 2
    if code == "invalid_request":
        assert [fault["field"] for fault in content["data"]["errors"]] == [
            "messages.0.recipient",
            "messages.0.message",
        ]


def test_every_error_of_the_gateway_has_a_code() -> None:
    kinds = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, GatewayError)
    ]
    assert len(kinds) > 10
    for kind in kinds:
        if kind is not GatewayError:
            assert status_and_code(kind)[1] != "internal_error"


def test_refusals_have_their_data() -> None:
    refused = refusal(errors.InactiveKeyError(expired=True, active=True, expires_at=1_736_899_200_000_000))
    assert (refused.status, refused.headers) == (401, {"WWW-Authenticate": "Bearer"})
    assert refused.envelope == {
        "success": False,
        "message": "API key has expired",
        "error": "inactive_api_key",
        "data": {
            "expired": True,
            "deactivated": False,
            "expires_date": "2025-01-15T00:00:00.000000Z",
            "active": True,
        },
    }
    refused = refusal(errors.ServiceMismatchError(key_service="email", requested="sms"))
    assert refused.envelope == {
        "success": False,
        "message": "API key is not valid for this service type",
        "error": "service_type_mismatch",
        "data": {"api_key_service": "email", "requested_service": "sms"},
    }
    refused = refusal(
        errors.QuotaExceededError(requested=10, remaining=0, total=1000, used=1000, resets_in_s=86400)
    )
    assert (refused.status, refused.headers) == (429, {"Retry-After": "86400"})
    assert refused.envelope == {
        "success": False,
        "message": "Quota exceeded",
        "error": "quota_exceeded",
        "data": {
            "service_type": "sms",
            "requested": 10,
            "remaining": 0,
            "total_quota": 1000,
            "usage_percentage": 100.0,
        },
    }
    refused = refusal(errors.QuotaExceededError(requested=1, remaining=0, total=0, used=0, resets_in_s=1))
    assert refused.data["usage_percentage"] == 100.0
    assert refusal(MissingKeyError()).envelope["message"] == "API key not provided"
    assert refusal(errors.ConflictError("busy", retry_after_s=1)).headers == {"Retry-After": "1"}
    assert refusal(errors.ConflictError()).headers == {}
    assert int(refusal(errors.QueueFullError()).headers["Retry-After"]) > 0
    assert int(refusal(errors.StorageUnavailableError()).headers["Retry-After"]) > 0


def test_an_unknown_error_is_internal() -> None:
    class UnforeseenError(GatewayError):
        """A secret of the gateway"""

    refused = refusal(UnforeseenError())
    assert (refused.status, refused.code, refused.message) == (500, "internal_error", "Internal error")


def test_a_request_that_reached_no_endpoint_is_answered_in_the_envelope() -> None:
    assert http_refusal(NotFound()).code == "not_found"
    assert http_refusal(MethodNotAllowed(["POST", "GET"])).headers == {"Allow": "GET, POST"}
    assert http_refusal(RequestEntityTooLarge()).code == "payload_too_large"
    other = http_refusal(UnsupportedMediaType())
    assert (other.status, other.code) == (400, "invalid_request")


def test_times_have_six_decimals_and_a_z() -> None:
    assert timestamp(None) is None
    assert timestamp(0) == "1970-01-01T00:00:00.000000Z"
    assert timestamp(MOMENT + 1) == "2025-10-30T14:30:00.000001Z"


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_any_text_is_returned_unchanged(text: str) -> None:
    assert json.loads(document({"text": text}).encode()) == {"text": text}


def test_french_letters_are_not_escaped() -> None:
    assert document({"message": "Envoi terminé"}) == '{"message": "Envoi terminé"}'


E164 = Numbering(NumberSettings()).e164


def test_the_filter_of_the_message_list() -> None:
    assert message_filter(MultiDict(), E164) == MessageFilter()
    assert (
        message_filter(
            MultiDict(dict.fromkeys(["status", "campaign_id", "recipient", "since", "limit", "cursor"], "")),
            E164,
        )
        == MessageFilter()
    )
    assert message_filter(
        MultiDict(
            {
                "status": "sent",
                "campaign_id": "-5",
                "recipient": " 22370123456",  # an unescaped +
                "since": "2025-10-30T14:30:00Z",
                "until": "2025-10-30T15:30:00 01:00",
                "limit": "1000",
                "cursor": "17",
                "other": "x",
            }
        ),
        E164,
    ) == MessageFilter(Status.SENT, -5, "+22370123456", MOMENT, MOMENT, 1000, 17)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("2025-10-30t14:30:00z", 0),
        ("2025-10-30 14:30:00+00:00", 0),
        ("2025-10-30T09:00:00-05:30", 0),
        ("2025-10-30T14:30:00-00:00", 0),
        ("2025-10-30T14:30:00.25Z", 250_000),
        ("2025-10-30T14:30:00.0000019Z", 1),
        ("2025-10-30T14:29:60Z", 0),  # a leap second
        ("1970-01-01T00:00:00Z", -MOMENT),
        ("1960-01-01T00:00:00Z", -MOMENT - 3653 * 86_400_000_000),
    ],
)
def test_a_time_of_rfc_3339_is_accepted(text: str, after: int) -> None:
    assert message_filter(MultiDict({"since": text, "until": text}), E164) == MessageFilter(
        since=MOMENT + after, until=MOMENT + after
    )


@pytest.mark.parametrize(
    "text",
    [
        "1796012912345",
        "1796012912",
        "17960129",
        "2025",
        "-1",
        "2025-10-30",
        "20251030T143000Z",
        "2025-W44-4T14:30:00Z",
        "2025-303T14:30:00Z",
        "2025-10-30T14:30:00",
        "2025-10-30T14:30Z",
        "2025-10-30T14Z",
        "2025-10-30T14:30:00+01",
        "2025-10-30T14:30:00+0100",
        "2025-10-30T14:30:00,5Z",
        "2025-10-30T14:30:00Z\n",
        "2025-10-30T24:00:00Z",
        "2025-10-30T14:30:61Z",
        "2025-02-29T14:30:00Z",
        "2025-10-30T14:30:00+24:00",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "٢٠٢٥-10-30T14:30:00Z",
        "2025-10-30_14:30:00Z",
    ],
)
def test_any_other_form_of_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        message_filter(MultiDict({"since": text, "until": text}), E164)
    assert [fault.field for fault in caught.value.faults] == ["since", "until"]


def test_all_faults_of_a_query_are_reported_at_once() -> None:
    invalid = {
        "status": "SENT",
        "campaign_id": "1.5",
        "recipient": "12",
        "since": "yesterday",
        "until": "0001-01-01T00:00:00+23:59:59.999999x",
        "limit": str(LARGEST_PAGE + 1),
        "cursor": "9" * 19,
    }
    with pytest.raises(InvalidRequestError) as caught:
        message_filter(MultiDict(invalid), E164)
    assert [fault.field for fault in caught.value.faults] == list(invalid)


@pytest.mark.parametrize("texts", [("sent", "failed"), ("sent", "sent"), ("", "sent"), ("sent", "")])
def test_a_parameter_that_is_repeated_is_refused(texts: tuple[str, str]) -> None:
    query = MultiDict([("status", text) for text in texts])
    with pytest.raises(InvalidRequestError) as caught:
        message_filter(query, E164)
    assert caught.value.faults == [Fault("status", "must be given only once")]


@given(
    st.dictionaries(
        st.sampled_from(["status", "campaign_id", "recipient", "since", "until", "limit", "cursor"]),
        st.text() | st.datetimes().map(str) | st.integers().map(str) | st.lists(st.text()),
    )
)
def test_any_query_is_a_filter_or_refused(query: dict[str, str | list[str]]) -> None:
    with suppress(InvalidRequestError):
        assert 1 <= message_filter(MultiDict(query), E164).limit <= LARGEST_PAGE
