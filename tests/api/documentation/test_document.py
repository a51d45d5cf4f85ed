"""The OpenAPI document names every route, parameter, error and example, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request, Response
from jsonschema import Draft202012Validator
from werkzeug.datastructures import EnvironHeaders, ImmutableMultiDict

from api.documentation.errors import sample
from api.documentation.openapi import UndescribedEndpointError, openapi_document
from api.documentation.settings import values_of
from api.responses.errors import ERRORS
from config.settings import NumberSettings, Settings
from gatewayd.accounts.authenticator import new_key
from gatewayd.store.tables import accounts
from modem.port.status import Answer
from tests.api.api_server import ApiServer
from tests.api.documentation.document import Document, references

PATH = {
    "sms_id": "x",
    "name": "page.js",
    "webhook_id": "1",
    "campaign_id": "31",
    "recipient": "70123456",
    "text_id": "7",
}
"""Values for the parameters of paths."""
HEADERS_OF_HTTP = {
    "X-API-Key",
    "Authorization",
    "Accept-Encoding",
    "If-None-Match",
    "If-Modified-Since",
    "If-Range",
    "Range",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path_factory.mktemp("document"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def document(server: ApiServer) -> Document:
    return Document.of(f"{server.url}/api")


def routes(app: Flask) -> set[tuple[str, str]]:
    """Method and path of every route, written as in OpenAPI."""
    return {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).removeprefix("/api"))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }


def test_the_document_has_exactly_the_routes(server: ApiServer, document: Document) -> None:
    found = [(operation.method, operation.path) for operation in document.operations]
    assert sorted(found) == sorted(routes(server.app))
    assert ("POST", "/sms/send") in found


def test_an_endpoint_without_a_description_is_refused() -> None:
    app = Flask("undescribed", static_folder=None)
    app.add_url_rule("/api/x", "x", lambda: Response("x"))
    with pytest.raises(UndescribedEndpointError, match="/api/x"):
        openapi_document(app, values_of(Settings()))


def test_the_path_parameters_are_those_of_the_routes(document: Document) -> None:
    for operation in document.operations:
        named = re.findall(r"{(\w+)}", operation.path)
        assert [each["name"] for each in operation.parameters("path")] == named, operation


def test_the_query_and_header_parameters_are_those_that_the_endpoints_read(
    tmp_path: Path, document: Document
) -> None:
    asked: set[str] = set()

    class RecordingQuery(ImmutableMultiDict[str, str]):
        def get(self, key: str, *rest: Any, **options: Any) -> Any:
            asked.add(key)
            return super().get(key, *rest, **options)

        def getlist(self, key: str, *rest: Any, **options: Any) -> Any:
            asked.add(key)
            return super().getlist(key, *rest, **options)

    class RecordingHeaders(EnvironHeaders):
        def get(self, key: str, *rest: Any, **options: Any) -> Any:
            asked.add(key)
            return super().get(key, *rest, **options)

    class RecordingRequest(Request):
        parameter_storage_class = RecordingQuery

        def __init__(self, *rest: Any, **options: Any) -> None:
            super().__init__(*rest, **options)
            self.headers = RecordingHeaders(self.environ)

    server = ApiServer(tmp_path, send_wait_s=0)
    for port in server.played.ports.values():
        port.answer.set_result(Answer(1, ok=True, busy=False, detail="OK"))
    key = new_key()
    server.played.store.write(
        lambda db: accounts.add_key(
            db,
            server.played.company,
            key.prefix,
            key.digest,
            service="sms",
            admin=True,
            expires_at=None,
            now=0,
        )
    )
    try:
        server.app.request_class = RecordingRequest
        for operation in document.operations:
            asked.clear()
            client = server.app.test_client()
            path = document.address(operation, PATH).removeprefix(document.url.removesuffix("/api"))
            body = next(iter(operation.body_examples.values()), None)
            client.open(path, method=operation.method, json=body, headers={"X-API-Key": key.key})
            documented = {
                each["name"] for place in ("query", "header") for each in operation.parameters(place)
            }
            assert asked - HEADERS_OF_HTTP == documented, str(operation)
    finally:
        server.close()


def test_schemas_are_valid_and_references_lead_to_one(document: Document) -> None:
    schemas = document.content["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert {ref.removeprefix("#/components/schemas/") for ref in references(document.content)} <= set(schemas)


def test_links_lead_to_operations_and_name_their_parameters(document: Document) -> None:
    operations = {operation.content["operationId"]: operation for operation in document.operations}
    links = [
        link
        for operation in document.operations
        for response in operation.content["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert links
    for link in links:
        named = {each["name"] for each in operations[link["operationId"]].content["parameters"]}
        assert set(link["parameters"]) <= named


def test_operations_have_names_summaries_and_tags(document: Document) -> None:
    names = [operation.content["operationId"] for operation in document.operations]
    assert len(set(names)) == len(names)
    tags = {tag["name"] for tag in document.content["tags"]}
    for operation in document.operations:
        assert operation.content["summary"], operation
        assert set(operation.content["tags"]) <= tags


def test_every_example_of_an_answer_fits_its_schema(document: Document) -> None:
    for operation in document.operations:
        for status, response in operation.content["responses"].items():
            ((mime, media),) = response["content"].items()
            examples = media.get("examples", {})
            assert examples or mime != "application/json" or operation.path == "/openapi.json", operation
            for name, example in examples.items():
                document.validate(media["schema"], example["value"], f"{operation} {status} {name}")


def test_every_example_of_a_body_and_a_parameter_fits_its_schema(document: Document) -> None:
    for operation in document.operations:
        for name, example in operation.body_examples.items():
            schema = operation.content["requestBody"]["content"]["application/json"]["schema"]
            document.validate(schema, example, f"{operation} {name}")
        for parameter in operation.content["parameters"]:
            if "example" in parameter:
                document.validate(
                    parameter["schema"], parameter["example"], f"{operation} {parameter['name']}"
                )
        if "requestBody" in operation.content:
            assert operation.body_examples, f"{operation} has no example of a body"


def test_every_field_of_a_body_is_explained(document: Document) -> None:
    schemas = document.content["components"]["schemas"]
    for operation in document.operations:
        for ref in references(operation.content.get("requestBody", {})):
            for name, schema in schemas[ref.rpartition("/")[2]]["properties"].items():
                assert schema.get("description"), f"{operation}: {name}"


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_of_the_table_has_an_example_with_its_status(kind: Any) -> None:
    assert (sample(kind).status, sample(kind).code) == ERRORS[kind]


def test_every_error_of_the_table_is_in_the_document(document: Document) -> None:
    found = {
        (int(status), example["value"]["error"])
        for operation in document.operations
        for status, response in operation.content["responses"].items()
        for media in response["content"].values()
        for example in media.get("examples", {}).values()
        if int(status) >= 400
    }
    assert set(ERRORS.values()) <= found


def test_the_document_has_the_values_of_the_settings(server: ApiServer, document: Document) -> None:
    schemas = document.content["components"]["schemas"]
    assert schemas["BulkBody"]["properties"]["messages"]["maxItems"] == 100
    recipient = re.compile(schemas["SendBody"]["properties"]["recipient"]["pattern"])
    assert recipient.search("70123456")
    assert not recipient.search("701234567")
    assert "x-setting" not in str(document.content)
    senegal = Settings(numbers=NumberSettings(plan="senegal"))
    other = openapi_document(server.app, values_of(senegal))
    assert "+22370123456" not in str(other)
    example = other["components"]["schemas"]["SendBody"]["properties"]["recipient"]["examples"][0]
    assert re.fullmatch(r"\+221[0-9]{9}", example)
