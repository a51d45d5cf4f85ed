"""The errors of the API in the OpenAPI document. Status, code, text and headers come from the table of errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from api.documentation.operation import Access, Operation
from api.responses.answers import errors as error_data
from api.responses.errors import (
    AddressNotAllowedError,
    EncodedBodyError,
    InternalError,
    MissingKeyError,
    Refusal,
    TooManyRequestsError,
    TooMuchInWorkError,
    refusal,
    status_refusal,
)
from gatewayd.errors import (
    AdminRequiredError,
    CompanyNotFoundError,
    ConflictError,
    Fault,
    GatewayError,
    InactiveCompanyError,
    InactiveKeyError,
    InvalidRequestError,
    NotPermittedError,
    QuotaExceededError,
    ServiceMismatchError,
    StorageUnavailableError,
    UnknownKeyError,
    UssdFailedError,
)

_ALWAYS = (AddressNotAllowedError, StorageUnavailableError, InternalError)
_WITH_KEY = (
    MissingKeyError,
    UnknownKeyError,
    InactiveKeyError,
    CompanyNotFoundError,
    InactiveCompanyError,
    ServiceMismatchError,
    TooManyRequestsError,
)
_WITH_BODY = (InvalidRequestError, EncodedBodyError, TooMuchInWorkError)

# Errors that have facts; all others are made without arguments.
_SAMPLES: Mapping[type[GatewayError], GatewayError] = {
    type(sample): sample
    for sample in (
        InactiveKeyError(expired=True, active=True, expires_at=1_761_834_600_000_000),
        ServiceMismatchError(key_service="email", requested="sms"),
        TooManyRequestsError(12),
        NotPermittedError("transactional"),
        InvalidRequestError([Fault("message", "must not be empty")]),
        EncodedBodyError("is compressed; send it as it is"),
        QuotaExceededError(requested=2, remaining=1, total=1000, used=999, resets_in_s=86_400),
        ConflictError("The message is being sent already"),
        UssdFailedError("The network did not answer the code", port=1),
    )
}

_DATA: Mapping[type[GatewayError], type[BaseModel]] = {
    InactiveKeyError: error_data.KeyState,
    ServiceMismatchError: error_data.ServiceMismatch,
    InvalidRequestError: error_data.Faults,
    EncodedBodyError: error_data.Faults,
    QuotaExceededError: error_data.QuotaExceeded,
    UssdFailedError: error_data.UssdFailure,
}

DATA_SHAPES = tuple(dict.fromkeys(_DATA.values()))
"""The shapes of `data`, whose schemas the document needs."""

_NO_DATA = {"type": "object", "maxProperties": 0}


def errors_of(operation: Operation) -> list[type[GatewayError]]:
    """Every error of an operation that is in the envelope alone."""
    found: list[type[GatewayError]] = list(operation.errors)
    if operation.access is not Access.NONE:
        found += _WITH_KEY
    if operation.access is Access.ADMIN:
        found.append(AdminRequiredError)
    if operation.body is not None:
        found += _WITH_BODY
    if any(parameter.place == "query" for parameter in operation.parameters):
        found.append(InvalidRequestError)
    return list(dict.fromkeys([*found, *_ALWAYS]))


def error_content(operation: Operation, schema_ref: str) -> dict[int, dict[str, Any]]:
    """The schemas, examples and headers of an operation's errors by status. `schema_ref`: a format with {}."""
    by_status: dict[int, dict[str, Any]] = {}
    for kind in errors_of(operation):
        _add(by_status, sample(kind), _data_schema(kind, schema_ref))
    if operation.body is not None:
        _add(by_status, status_refusal(413), _NO_DATA)
    return by_status


def sample(kind: type[GatewayError]) -> Refusal:
    """The refusal of a typical error of this class."""
    return refusal(_SAMPLES.get(kind) or kind())


def _add(by_status: dict[int, dict[str, Any]], found: Refusal, data: Mapping[str, Any]) -> None:
    content = by_status.setdefault(found.status, {"schemas": [], "examples": {}, "headers": []})
    content["examples"].setdefault(found.code, found.envelope)
    content["headers"] += [name for name in found.headers if name not in content["headers"]]
    for schema in content["schemas"]:
        properties = schema["properties"]
        if properties["data"] == data:  # codes with the same data share a schema
            properties["error"]["enum"] = sorted({*properties["error"]["enum"], found.code})
            return
    content["schemas"].append(
        {
            "type": "object",
            "required": ["success", "message", "error", "data"],
            "properties": {
                "success": {"const": False},
                "message": {"type": "string"},
                "error": {"enum": [found.code]},
                "data": data,
            },
        }
    )


def _data_schema(kind: type[GatewayError], schema_ref: str) -> Mapping[str, Any]:
    shape = _DATA.get(kind)
    return _NO_DATA if shape is None else {"$ref": schema_ref.format(shape.__name__)}
