"""The results of loop tests as a table, for `gatewayd loop-test` and `gatewayd status`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatewayd.commands.common import table
from gatewayd.escaping import printable


def loop_tests(tests: Sequence[Mapping[str, Any]]) -> str:
    """Format tests as a table, with an explanation of each failed test below it."""
    rows = [
        {
            "from": f"{test['from']} (SIM {test['from_sim']})",
            "to": f"{test['to']} (SIM {test['to_sim']})",
            "at": f"{test['started_at'][:19]}Z",
            "result": test["outcome"].replace("_", " "),
            "submitted s": test["submit_s"],
            "arrived s": test["arrive_s"],
            "reported s": test["report_s"],
        }
        for test in tests
    ]
    explanations = [
        f"SIM {test['from_sim']}: {test['detail']}"
        + (f" The network said: {test['reason']}" if test["reason"] and not test["arrived"] else "")
        for test in tests
        if test["detail"]
    ]
    return "\n".join([table(rows), *map(printable, explanations)])
