"""GET /openapi.json, and GET /documentation: the API described for programs and for people. They need no key."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Flask, Response, request

from api.documentation import static_files
from api.documentation.openapi import openapi_document
from api.documentation.operation import Access, Answer, Operation, Parameter, Tag, described
from api.documentation.settings import values_of
from api.responses.json_format import MIME, document
from config.settings import Settings
from gatewayd.errors import NotFoundError

PATHS = ("/openapi.json", "/documentation", *(f"/documentation/{name}" for name in static_files.FILES))
"""The paths below `/api`."""

_OPENAPI = Operation(
    Tag.DOCUMENTATION,
    "This document",
    {200: Answer("The OpenAPI 3.1 document.", mime=MIME)},
    access=Access.NONE,
)
_PAGE = Operation(
    Tag.DOCUMENTATION,
    "This page",
    {200: Answer("A page that shows the document and tries the API.", mime="text/html")},
    access=Access.NONE,
)
_FILE = Operation(
    Tag.DOCUMENTATION,
    "A file of the page",
    {200: Answer("The file.", mime="*/*")},
    access=Access.NONE,
    parameters=(
        Parameter(
            "name",
            "path",
            "The name of the file.",
            {"type": "string", "enum": list(static_files.FILES)},
            "page.js",
        ),
    ),
    errors=(NotFoundError,),
)


def endpoints(app: Flask, settings: Settings) -> Blueprint:
    """The endpoints of the documentation. `app`: the application that is described, once it has all its routes."""
    blueprint = Blueprint("documentation", __name__)

    @cache  # the routes do not change while the gateway runs
    def built() -> static_files.StaticFile:
        return static_files.of_text(document(openapi_document(app, values_of(settings))), MIME)

    @blueprint.get("/openapi.json")
    @described(_OPENAPI)
    def openapi() -> Response:
        return built().response(request)

    @blueprint.get("/documentation")
    @described(_PAGE)
    def page() -> Response:
        return static_files.page().response(request)

    @blueprint.get("/documentation/<name>")
    @described(_FILE)
    def file(name: str) -> Response:
        if name not in static_files.FILES:
            raise NotFoundError
        return static_files.file(name).response(request)

    return blueprint
