"""The OpenAPI document of a gateway, and a check of answers against it that allows no field that it does not name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from jsonschema import Draft202012Validator

DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True, repr=False)
class Described:
    """One operation of the document."""

    method: str  # upper case
    path: str
    content: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.method} {self.path}"

    def parameters(self, place: str) -> list[dict[str, Any]]:
        """The parameters of `path`, `query` or `header`."""
        return [each for each in self.content["parameters"] if each["in"] == place]

    @property
    def keyless(self) -> bool:
        """Whether it needs no key."""
        return not self.content["security"]

    @property
    def admin(self) -> bool:
        """Whether it needs an administration key."""
        return bool(self.content["description"].startswith("For administration keys."))

    @property
    def body_examples(self) -> dict[str, Any]:
        """The examples of bodies by name."""
        body = self.content.get("requestBody", {}).get("content", {}).get("application/json", {})
        return {name: example["value"] for name, example in body.get("examples", {}).items()}


@dataclass(frozen=True, slots=True)
class Document:
    """The document. `url`: where it was served, without its last part."""

    url: str
    content: dict[str, Any]
    _validators: dict[str, Draft202012Validator] = field(default_factory=dict)

    @classmethod
    def of(cls, url: str) -> Document:
        """The document of the gateway whose API is at this address."""
        answer = requests.get(f"{url}/openapi.json", timeout=DEADLINE_S)
        assert answer.status_code == 200, answer.text
        return cls(url, answer.json())

    @property
    def operations(self) -> list[Described]:
        """Every operation."""
        return [
            Described(method.upper(), path, content)
            for path, item in self.content["paths"].items()
            for method, content in item.items()
            if method != "servers"
        ]

    def address(self, operation: Described, path: Mapping[str, str]) -> str:
        """The address of an operation with these parameters in its path, as the servers of the document say."""
        servers = self.content["paths"][operation.path].get("servers", self.content["servers"])
        base = self.url if servers[0]["url"] == "../api" else self.url.removesuffix("/api")
        return base + operation.path.format(**path)

    def check(self, operation: Described, answer: requests.Response) -> None:
        """Fail unless status, type and every field of an answer are documented."""
        responses = operation.content["responses"]
        status = str(answer.status_code)
        assert status in responses, f"{operation}: {status} is not documented: {answer.text}"
        media = answer.headers["Content-Type"].partition(";")[0]
        (documented,) = responses[status]["content"]
        assert documented in (media, "*/*"), f"{operation}: {status} is {media}, not {documented}"
        # `x-…` and framing belong to HTTP, but what our documents promise must be there.
        if media == "application/json" and "schema" in responses[status]["content"][documented]:
            self.validate(responses[status]["content"][documented]["schema"], answer.json(), str(operation))

    def validate(self, schema: Mapping[str, Any], value: object, what: str) -> None:
        """Fail unless a value fits a schema, and has no field that the schema does not name."""
        key = repr(schema)
        if key not in self._validators:
            closed = _closed({"components": self.content["components"], **schema})
            Draft202012Validator.check_schema(closed)
            self._validators[key] = Draft202012Validator(closed)
        faults = [
            f"{what}: {error.json_path}: {_deepest(error)}"
            for error in self._validators[key].iter_errors(value)
        ]
        assert faults == []


def _deepest(error: Any) -> str:
    causes = [f"{cause.json_path}: {cause.message}" for cause in error.context or ()]
    return f"{error.message[:300]} {causes}"


def _closed(node: Any) -> Any:
    """A copy of a schema in which objects have no fields but the named ones."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _closed(value) for key, value in node.items()}
    return (
        {**copy, "additionalProperties": False}
        if isinstance(node.get("properties"), dict) and "type" in node
        else copy
    )


def references(node: Any) -> Iterator[str]:
    """Every `$ref` below a node."""
    if isinstance(node, list):
        for each in node:
            yield from references(each)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
