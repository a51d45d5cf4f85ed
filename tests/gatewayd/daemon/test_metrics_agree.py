"""The metrics agree with the count of the simulated network, and no log reveals a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import requests

from tests.conftest import eventually
from tests.figures import Figures
from tests.gatewayd.box import Box


def scrape(box: Box) -> Figures:
    return Figures.read(requests.get(f"http://127.0.0.1:{box.port}/metrics", timeout=60).text)


def test_the_figures_agree_with_the_networks_own_count(build: Callable[..., Box]) -> None:
    box = build(slots={1: 1, 2: 1, 3: 2}, dispatch="backoff_s = [0.1]\nslot_dwell_s = 1\nmax_attempts = 8")
    box.start_bank(
        *("--submit-s", "0.2", "--delivery-s", "0.2", "--time-scale", "0.1"),
        *("--fault", "refused:42=0.15", "--fault", "report-twice=0.2", "--fault", "urc-inside=0.1"),
    )
    box.start_gateway()
    box.sims_ready(4)
    body = {"messages": [{"recipient": f"+2237000{n:04d}", "message": "a" * (100 + n)} for n in range(60)]}
    accepted = requests.post(f"{box.api}/sms/send-bulk", json=body, headers=box.headers, timeout=30).json()
    assert accepted["summary"]["success"] == 60

    def all_ended() -> bool:
        figures = scrape(box)
        ended = figures.sum("gatewayd_messages_delivered_total") + figures.sum(
            "gatewayd_messages_failed_total"
        )
        return ended == 60

    eventually(all_ended)
    figures = scrape(box)
    submitted = box.network("submitted")
    numbers = {sim["number"]: str(sim["id"]) for sim in box.sims_ready(4)}
    for number, sim in numbers.items():
        submissions = sum(event["sender"] == number for event in submitted)
        assert figures.sum("gatewayd_parts_sent_total", sim=sim) == submissions
    assert figures.sum("gatewayd_submission_seconds_count") == len(submitted)
    assert figures.sum("gatewayd_parts_delivered_total") == len(submitted)
    assert figures.sum("gatewayd_parts_refused_total") > 0
    assert figures.sum("gatewayd_parts_in_doubt_total") == 0
    assert figures.sum("gatewayd_messages_accepted_total") == 60
    assert figures.sum("gatewayd_port_slot_switches_total", port="3") > 0


FAULTS = (
    *("no-prompt=0.05", "octet-lost=0.05", "ctrl-z-lost=0.05", "refused:42=0.1", "silent-taken=0.05"),
    *(
        "silent-lost=0.05",
        "reset-before=0.03",
        "vanish=0.03",
        "stuck-prompt=0.02",
        "echo-back=0.02",
        "deaf=0.01",
    ),
    *(
        "noise=0.02",
        "garbled=0.02",
        "result-lost=0.01",
        "urc-inside=0.1",
        "malformed=0.5",
        "incoming-twice=0.3",
    ),
)
SECRET = "the launch code is"


def test_no_log_at_a_normal_level_holds_a_number_a_text_or_a_key(build: Callable[..., Box]) -> None:
    box = build(
        slots={1: 1, 2: 1, 3: 1},
        daemon='log_format = "json"\ntranscript_lines = 500',
        dispatch="backoff_s = [0.1]\nsubmit_timeout_s = 1\nin_doubt_wait_s = 1\nmax_attempts = 3",
    )
    box.start_bank(
        *("--submit-s", "0.2", "--delivery-s", "0.2", "--time-scale", "0.05"),
        *(word for fault in FAULTS for word in ("--fault", fault)),
    )
    box.start_gateway("--scale", "0.05", module="tests.bench.quick_daemon")
    sims = eventually(lambda: box.get("sms/sims/available")["data"]["available_sims"])
    body = {
        "messages": [
            {"recipient": f"+2237123{n:04d}", "message": f"{SECRET} {n} {'x' * n}"} for n in range(100)
        ]
    }
    headers = {**box.headers, "Idempotency-Key": "my-own-idempotency-key"}
    assert requests.post(f"{box.api}/sms/send-bulk", json=body, headers=headers, timeout=30).ok
    requests.get(f"{box.api}/sms/quota", headers={"X-API-Key": "a-wrong-key-of-a-client"}, timeout=30)
    for n in range(20):
        box.order(
            do="incoming", port=n % 3 + 1, **{"from": f"+2237654{n:04d}"}, text=f"{SECRET} incoming {n}"
        )
    for _ in range(3):
        requests.post(
            f"{box.api}/sms/ussd",
            json={"port": 1, "code": "*144*1*71230001*4711#"},
            headers=box.headers,
            timeout=30,
        )
    assert box.gateway is not None
    log_lines = box.gateway.stderr
    eventually(lambda: len(box.network("submitted")) > 15)
    for port in (1, 2, 3):  # each tells what was said before, if a fault did not make it do that already
        box.order(do="unplug", port=port)
    eventually(lambda: sum("the last lines before the failure" in line for line in log_lines) > 1)
    box.gateway.stop()
    log = "".join(box.gateway.stderr)
    assert len(log.splitlines()) > 20
    assert all(json.loads(line)["message"] for line in log.splitlines())
    # Without the times of the lines: one in some thousands contains the digits of a secret.
    log_text = re.sub(r'"at":"[0-9TZ:.-]*"', "", log.replace(" ", ""))
    assert '"at"' not in log_text
    numbers = [sim["number"].removeprefix("+223") for sim in sims if sim["number"]]
    for secret in (
        *numbers,
        SECRET.replace(" ", ""),
        box.headers["X-API-Key"],
        "a-wrong-key",
        "my-own-idem",
        "4711",
    ):
        assert secret not in log_text, secret
    assert not re.search(r"7(123|654)00\d\d", log_text)
    # Nor in the modem's form: semi-octets of a number, the text in hexadecimal.
    assert not re.search(r"(?i)7321[0-9f]{2}00|6745[0-9f]{2}00", log_text)
    assert SECRET.encode("utf-16-be").hex() not in log_text.lower()
