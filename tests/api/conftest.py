"""Fixtures for the tests of the HTTP interface."""

from __future__ import annotations

import pytest

from tests.api.contract_client import Client, tenant
from tests.conftest import Running


@pytest.fixture(scope="session")
def client(running: Running) -> Client:
    """A company without a quota that the contract tests share."""
    return tenant(running).client
