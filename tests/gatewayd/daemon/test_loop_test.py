"""The loop test on a whole box: simulated modems, real command line, real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import Process, eventually
from tests.gatewayd.box import Box

FAST = ("--submit-s", "0.05", "--delivery-s", "0.05")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Two ports with a SIM each, which belong to a company, on a gateway with few attempts."""
    box = Box(
        tmp_path_factory.mktemp("loop"), slots={1: 1, 2: 1}, dispatch="max_attempts = 2\nbackoff_s = [0]"
    )
    box.start_bank(*FAST)
    box.start_gateway()
    for sim in box.sims_ready(2):
        box.cli("sim", "set", sim["id"], "--company", 1)
    box.headers = {"X-API-Key": box.cli("key", "add", "--company", 1, "--admin")["key"]}
    yield box
    box.stop()


def sim_at(box: Box, port: int) -> int:
    sims: list[dict[str, Any]] = box.cli("sim", "list")
    return next(int(sim["id"]) for sim in sims if sim["port"] == port)


def loop_test(box: Box, *arguments: str) -> tuple[int, Any]:
    """The exit code and the printed JSON."""
    command = Process("--config", box.config, "loop-test", *arguments, "--json")
    code = command.wait(60)
    return code, json.loads(command.line())


def test_every_sim_texts_the_next_one(box: Box) -> None:
    before = box.cli("company", "list")
    code, result = loop_test(box)
    assert (code, result["all_arrived"], result["notes"]) == (0, True, [])
    assert [(test["from"], test["to"]) for test in result["tests"]] == [("1.1", "2.1"), ("2.1", "1.1")]
    for test in result["tests"]:
        assert test["outcome"] == "arrived"
        assert 0 < test["submit_s"] <= test["report_s"] < 60
        assert 0 < test["arrive_s"] < 60  # at another port: it may be seen before the modem's OK
    assert box.get("sms/inbox")["data"] == []
    assert box.get("sms/messages")["data"] == []
    assert box.cli("company", "list") == before
    assert [row["loop_test"] for row in box.cli("message", "list")] == [True, True]
    assert [row["company"] for row in box.cli("message", "list")] == [None, None]
    assert box.cli("status")["loop_tests"] == result["tests"]


def test_the_plain_output_is_a_table(box: Box) -> None:
    command = Process("--config", box.config, "loop-test", "--from", "1", "--to", f"sim:{sim_at(box, 1)}")
    assert command.wait(60) == 0
    assert f"1.1 (SIM {sim_at(box, 1)})" in "".join(command.line() for _ in range(3))


def test_a_network_that_refuses_texts_fails_the_test_with_the_meaning_of_the_error(box: Box) -> None:
    box.order(do="fault", port=1, fault="refused", times=2, code=38)
    code, result = loop_test(box, "--from", "1.1")
    (test,) = result["tests"]
    assert (code, test["outcome"], test["submit_s"], test["arrive_s"]) == (1, "not_sent", None, None)
    assert "+CMS ERROR: 38" in test["reason"]
    assert "credit" in test["detail"]
    assert "crédit" in test["detail_fr"]
    log = "".join(box.gateway.stderr if box.gateway else "")
    assert f"loop test from SIM {sim_at(box, 1)} (port 1, slot 1) to SIM {sim_at(box, 2)}: not sent" in log
    assert "+223" not in log


def test_a_lost_report_is_reported_and_fails_no_test(box: Box) -> None:
    box.order(do="fault", port=1, fault="report-lost")
    code, result = loop_test(box, "--from", "1", "--timeout", "1.5")
    (test,) = result["tests"]
    assert (code, test["outcome"], test["report_s"]) == (0, "unreported", None)
    assert test["arrive_s"] > 0


def test_a_wrong_number_of_a_sim_is_detected(box: Box) -> None:
    second = sim_at(box, 2)
    first_number = next(sim["number"] for sim in box.cli("sim", "list") if sim["port"] == 1)
    box.cli("sim", "set", second, "--number", "+22370999999")
    try:
        code, result = loop_test(box, "--to", "2.1", "--timeout", "1")
        (test,) = result["tests"]
        assert (code, test["outcome"]) == (1, "lost")
        assert "reports it delivered" in test["detail"]
        box.order(do="fault", port=1, fault="report-lost")
        code, result = loop_test(box, "--to", "2.1", "--timeout", "1")
        (test,) = result["tests"]
        assert (code, test["outcome"], test["arrive_s"]) == (1, "lost", None)
        assert "did not arrive in time" in test["detail"]
        box.cli("sim", "set", second, "--number", first_number)
        code, result = loop_test(box, "--from", "1", "--to", "2", "--timeout", "20")
        assert (code, result["tests"][0]["outcome"]) == (1, "elsewhere")
    finally:
        box.cli("sim", "set", second, "--number", "none")


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("--from", "x"), 2, "must be PORT, PORT.SLOT or sim:ID"),
        (("--timeout", "0"), 2, "is not in the range"),
        (("--from", "9"), 1, "no SIM in service and up at port 9"),
        (("--to", "sim:77"), 1, "no SIM in service and up at SIM 77"),
    ],
)
def test_a_usage_error_is_clear(box: Box, arguments: tuple[str, ...], code: int, error: str) -> None:
    result = loop_test(box, *arguments)
    assert result[0] == code
    assert error in result[1]["error"]


def test_a_loop_test_is_started_and_read_over_http(box: Box) -> None:
    def post(body: Any, prefer: str = "") -> requests.Response:
        headers = box.headers | ({"Prefer": prefer} if prefer else {})
        return requests.post(f"{box.api}/sms/loop-test", json=body, headers=headers, timeout=30)

    answer = post({"from": "1", "to": "2.1", "timeout_s": 20}, "wait=20").json()
    assert (answer["success"], answer["message"]) == (True, "Test de boucle terminé")
    assert (answer["data"]["running"], answer["data"]["all_arrived"]) == (False, True)
    assert answer["data"]["tests"][0]["from_sim"] == sim_at(box, 1)
    running = post({})
    assert running.json()["data"]["running"] is True
    second = post(None)
    assert (second.status_code, second.json()["error"]) == (409, "conflict")
    eventually(
        lambda: {test["outcome"] for test in box.get("sms/loop-test")["data"]} == {"arrived"}, timeout_s=20
    )
    faults = post({"from": 1, "to": "a", "timeout_s": 0}).json()
    assert [fault["field"] for fault in faults["data"]["errors"]] == ["from", "to", "timeout_s"]
    ordinary_key = {"X-API-Key": box.cli("key", "add", "--company", 1)["key"]}
    for method in ("get", "post"):
        refused = requests.request(method, f"{box.api}/sms/loop-test", headers=ordinary_key, timeout=30)
        assert (refused.status_code, refused.json()["error"]) == (403, "admin_required")


def test_two_slots_of_one_port_text_each_other_on_schedule(tmp_path: Path) -> None:
    box = Box(tmp_path, slots={1: 2}, dispatch="slot_dwell_s = 1")
    box.config.write_text(box.config.read_text() + "[loop_test]\nevery_s = 1\n")
    try:
        box.start_bank(*FAST, "--time-scale", "0.1")
        box.start_quick_gateway(0.1)
        box.sims_ready(2)

        def arrived() -> bool:
            tests = box.cli("status")["loop_tests"]
            return {(test["from"], test["to"]) for test in tests if test["outcome"] == "arrived"} >= {
                ("1.1", "1.2"),
                ("1.2", "1.1"),
            }

        eventually(arrived)
    finally:
        box.stop()
