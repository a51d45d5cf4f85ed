"""Fixtures for the tests of the HTTP interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.server.connection_limits import ConnectionLimits
from tests.api.api_server import ApiServer
from tests.api.contract_client import Client, tenant
from tests.conftest import Running


@pytest.fixture(scope="session")
def client(running: Running) -> Client:
    """A company without a quota that the contract tests share."""
    return tenant(running).client


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., ApiServer]]:
    """Build servers with these limits and settings of the section `api`. They are closed at the end."""
    servers: list[ApiServer] = []

    def build(limits: ConnectionLimits | None = None, **api: Any) -> ApiServer:
        servers.append(ApiServer(tmp_path, limits, **api))
        return servers[-1]

    yield build
    for api_server in servers:
        api_server.close()
