"""The cost of an idle port: how often its thread wakes, and the CPU time of a daemon with many idle ports."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.bench import proc
from tests.conftest import eventually
from tests.gatewayd.box import Box

RUN_S = 60.0  # the period of the checks of a port
SETTLED_S = 15.0  # for ten seconds after a port came up, ports look for work of other SIMs
# Registration, signal, operator and SIM are asked for every minute: that many commands, and a few polls for each.
WAKEUPS_A_MINUTE = 40


def idle(box: Box, ports: int) -> tuple[dict[str, int], float]:
    """How often each thread woke within `RUN_S`, and the share of a core that the daemon used."""
    box.start_bank("--submit-s", "0.1", "--delivery-s", "0.1")
    try:
        box.start_gateway()
        assert box.gateway is not None
        pid = box.gateway.pid
        box.sims_ready(ports)
        eventually(lambda: all(port["slots"][0]["operator"] for port in box.cli("status")["ports"]))
        time.sleep(SETTLED_S)
        names = {thread["id"]: thread["name"] for thread in box.cli("status")["threads"]}
        before, cpu_before = proc.wakeups(pid), proc.cpu_s(pid)
        time.sleep(RUN_S)
        after, cpu_after = proc.wakeups(pid), proc.cpu_s(pid)
    finally:
        box.stop()
    woken = {names[task]: after[task] - before[task] for task in before if task in after and task in names}
    return woken, (cpu_after - cpu_before) / RUN_S


@pytest.mark.bench
@pytest.mark.parametrize("ports", [1, 64])
def test_idle_ports(tmp_path: Path, ports: int, capsys: pytest.CaptureFixture[str]) -> None:
    woken, share = idle(Box(tmp_path, slots=dict.fromkeys(range(1, ports + 1), 1)), ports)
    of_ports = [count for name, count in woken.items() if name.startswith("port ")]
    others = {name: count for name, count in woken.items() if count and not name.startswith("port ")}
    with capsys.disabled():
        print(  # noqa: T201 - the figures are the purpose
            f"\n{ports} idle ports, {RUN_S:.0f} s: {100 * share:.2f} % of a core; a port's thread woke "
            f"{min(of_ports)} to {max(of_ports)} times; others: {others or 'none'}"
        )
    assert len(of_ports) == ports
    assert max(of_ports) <= WAKEUPS_A_MINUTE
    if ports == 64:
        assert share < 0.01
