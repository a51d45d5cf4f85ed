"""The results of loop tests as a table, for `gatewayd loop-test` and `gatewayd status`."""

from __future__ import annotations

from collections.abc import Sequence

from config.language.text import Sentences, Text
from gatewayd.commands.invocation import language
from gatewayd.commands.tables import Column, Row, listing, of, short

_COLUMNS = (
    Column(Text("from"), lambda test: f"{test['from']} (SIM {test['from_sim']})"),
    Column(Text("to"), lambda test: f"{test['to']} (SIM {test['to_sim']})"),
    Column(Text("at"), lambda test: short(test["started_at"])),
    of("outcome", Text("result")),
    of("submit_s", Text("sent s")),
    of("arrive_s", Text("arrived s")),
    of("report_s", Text("report s")),
)


def loop_tests(tests: Sequence[Row]) -> str:
    """Format tests as a table, with an explanation below each failed test."""
    return listing(tests, _COLUMNS, _explanation)


def _explanation(test: Row) -> str:
    if not test["detail"]:
        return ""
    detail = test["detail_fr"] if language() == "fr" and test.get("detail_fr") else test["detail"]
    network = ""
    if test["reason"] and not test["arrived"]:
        network = Text("The network said: {reason}", reason=test["reason"])
    return Sentences([detail, network])
