"""Each function that these tests give to the writer runs twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gatewayd.store.twice import each_job_runs_twice


@pytest.fixture(scope="module", autouse=True)
def _twice() -> Iterator[None]:
    with each_job_runs_twice():
        yield
