"""Parameters that several endpoints have, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from api.documentation.operation import Parameter
from api.requests.query_params import LARGEST_PAGE
from api.requests.schema_marks import marked

ID: dict[str, Any] = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
NUMBER: dict[str, Any] = {"type": "string", **marked("recipient")}

LIMIT = Parameter(
    "limit",
    "query",
    "The most entries of this page; by default 50.",
    {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE},
)
CURSOR = Parameter("cursor", "query", "The `next_cursor` of the page before.", ID)
SINCE = Parameter(
    "since", "query", "At this time or later: RFC 3339 with an offset.", TIME, "2025-10-30T14:30:00Z"
)
UNTIL = Parameter("until", "query", "Before this time.", TIME, "2099-10-30T14:30:00Z")

SMS_ID = Parameter(
    "sms_id",
    "path",
    "The id of a message of this company.",
    {"type": "string"},
    "9e2ad8a4-6f0b-4c43-9c1e-3a5d8e3f6b10",
)

SMS_ID_OF_ANSWER = {"sms_id": "$response.body#/data/sms_id"}

PREFER = Parameter(
    "Prefer",
    "header",
    "RFC 7240: `respond-async` answers at once, `wait=N` waits N seconds at most.",
    {"type": "string"},
    "wait=5",
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "1 to 255 visible characters, plain or in quotes, kept for 24 hours: the same key and body gets the first answer again.",
    {"type": "string", "pattern": r'^(?:[!#-~][!-~]{0,254}|"(?:[!#-\[\]-~]|\\["\\]){1,255}")$'},
)
REPLAYED = {"Idempotent-Replayed": "`true` where this is the answer to an earlier request."}
