"""Builds the OpenAPI 3.1 document from the routes of an application, the models of bodies and answers, and the errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from werkzeug.routing import Rule

from api.documentation.errors import DATA_SHAPES, error_content
from api.documentation.operation import Access, Answer, Operation, Parameter, Tag, description_of
from api.documentation.settings import Values, with_settings
from api.responses.json_format import MIME
from gatewayd.version import VERSION

PREFIX = "/api"

_REF = "#/components/schemas/{}"
_HEADERS = {
    "Retry-After": "Seconds to wait before the next request.",
    "WWW-Authenticate": "The scheme of the key.",
    "Accept-Encoding": "The encodings of a body that are accepted.",
}
_SECURITY = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
_DESCRIPTION = """\
Send and receive SMS through the modems of this box.

Every answer is JSON. A success has `"success": true`; every error has `"success": false`, a `message` for a person, a code in
`error`, and `data`. Clients must ignore fields that they do not know."""


class UndescribedEndpointError(Exception):
    """An endpoint has no description: `@described(Operation(…))` is missing above its view."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one route, and its description."""

    method: str  # lower case
    rule: Rule
    operation: Operation

    @property
    def path(self) -> str:
        """The path with its parameters in braces, as in OpenAPI."""
        return re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", self.rule.rule)


def endpoints(app: Flask) -> Iterator[Endpoint]:
    """Every method of every route, without the HEAD that comes with GET. Raises UndescribedEndpointError."""
    for rule in app.url_map.iter_rules():
        operation = description_of(app.view_functions[rule.endpoint])
        if operation is None:
            raise UndescribedEndpointError(f"{rule.endpoint} ({rule.rule})")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Endpoint(method.lower(), rule, operation)


def openapi_document(app: Flask, values: Values) -> dict[str, Any]:
    """The document of an application. Addresses in it are relative to its own address, so that it is right behind any proxy."""
    found = list(endpoints(app))
    paths: dict[str, Any] = {}
    for endpoint in found:
        inside = endpoint.path.startswith(f"{PREFIX}/")
        item = paths.setdefault(
            endpoint.path.removeprefix(PREFIX), {} if inside else {"servers": [{"url": ".."}]}
        )
        item[endpoint.method] = _operation(endpoint)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "gatewayd", "version": VERSION, "description": _DESCRIPTION},
        "servers": [{"url": f"..{PREFIX}"}],
        "tags": [{"name": tag.value} for tag in Tag],
        "paths": paths,
        "components": {"securitySchemes": _SECURITY, "schemas": _schemas(found)},
    }
    settled: dict[str, Any] = with_settings(document, values)
    return settled


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation = endpoint.operation
    needs_admin = ["For administration keys."] if operation.access is Access.ADMIN else []
    content: dict[str, Any] = {
        "operationId": _name(endpoint),
        "tags": [operation.tag.value],
        "summary": operation.summary,
        "description": " ".join([*needs_admin, operation.description]).strip(),
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "security": [] if operation.access is Access.NONE else [{name: []} for name in _SECURITY],
        "responses": _responses(operation),
    }
    if operation.body is not None:
        media = {
            "schema": {"$ref": _REF.format(operation.body.model.__name__)},
            "examples": _examples(operation.body.examples),
        }
        content["requestBody"] = {
            "required": operation.body.required,
            "content": {MIME: media},
        }
    return content


def _name(endpoint: Endpoint) -> str:
    words = re.findall(r"\{?[a-zA-Z0-9]+", endpoint.path.removeprefix(PREFIX).replace("_", "-"))
    return "_".join([endpoint.method, *(word.replace("{", "by_") for word in words)])


def _parameter(parameter: Parameter) -> dict[str, Any]:
    content = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.place == "path",
        "schema": dict(parameter.schema),
    }
    if parameter.place == "query":
        content["allowEmptyValue"] = True  # `query_params` takes an empty value as absent
    return content if parameter.example is None else content | {"example": parameter.example}


def _responses(operation: Operation) -> dict[str, Any]:
    errors = error_content(operation, _REF)
    responses: dict[str, Any] = {}
    for status in sorted({*operation.answers, *errors}):
        answer = operation.answers.get(status)
        refused = errors.get(status, {"schemas": [], "examples": {}, "headers": []})
        schemas = [*_answer_schemas(answer), *refused["schemas"]]
        examples = {**(answer.examples if answer else {}), **refused["examples"]}
        mime = answer.mime if answer else MIME
        headers = {
            **(answer.headers if answer else {}),
            **{name: _HEADERS[name] for name in refused["headers"]},
        }
        responses[str(status)] = {
            "description": answer.description if answer else ", ".join(refused["examples"]),
            "content": {
                mime: {
                    "schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
                    "examples": _examples(examples),
                }
            },
            "headers": {
                name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()
            },
        }
        if answer is not None and answer.links:
            responses[str(status)]["links"] = {
                link: {"operationId": link, "parameters": dict(parameters)}
                for link, parameters in answer.links.items()
            }
    return responses


def _answer_schemas(answer: Answer | None) -> list[dict[str, Any]]:
    if answer is None:
        return []
    if answer.shape is not None:
        return [{"$ref": _REF.format(answer.shape.__name__)}]
    return [{"type": "object" if answer.mime == MIME else "string"}]


def _examples(examples: Mapping[str, object]) -> dict[str, Any]:
    return {
        re.sub(r"[^a-zA-Z0-9]+", "_", name): {"summary": name, "value": value}
        for name, value in examples.items()
    }


class _WithoutTitles(GenerateJsonSchema):
    """Fields have no title: it would only repeat their name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schemas(found: list[Endpoint]) -> dict[str, Any]:
    models: list[type[BaseModel]] = [*DATA_SHAPES]
    for endpoint in found:
        operation = endpoint.operation
        models += [answer.shape for answer in operation.answers.values() if answer.shape is not None]
        if operation.body is not None:
            models += [operation.body.model, *operation.body.parts]
    _, schemas = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)],
        ref_template=_REF.format("{model}"),
        schema_generator=_WithoutTitles,
    )
    definitions: dict[str, Any] = schemas["$defs"]
    for definition in definitions.values():
        definition.pop("title", None)
    return dict(sorted(definitions.items()))
