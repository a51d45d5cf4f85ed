"""The descriptors that systemd stores for the daemon: their names, and their use by the next process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.daemon.descriptor_store import Descriptors
from gatewayd.daemon.service_manager import ServiceManager as Systemd
from modem.port.held_line import HeldLine
from tests.conftest import eventually
from tests.gatewayd.box import Box
from tests.service_manager import ServiceManager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    with ServiceManager(tmp_path) as manager:
        yield manager


def descriptors(manager: ServiceManager, **variables: str) -> Descriptors:
    return Descriptors(Systemd({"NOTIFY_SOCKET": str(manager.address), **variables}))


def test_a_line_is_stored_under_the_name_of_its_port_and_device(manager: ServiceManager) -> None:
    descriptor_store = descriptors(manager)
    with open(os.devnull, "rb") as line, open(os.devnull, "rb") as note:
        descriptor_store.keep_line(3, "/dev/serial/by-path/usb-0:1.2:1.0-port0", line.fileno())
        descriptor_store.keep_note(3, note.fileno())
    names = ["port-3-line-/dev/serial/by-path/usb-0_1.2_1.0-port0", "port-3-note"]
    eventually(lambda: manager.names == names)
    descriptor_store.drop_line(3)
    eventually(lambda: manager.names == ["port-3-note"])
    descriptor_store.drop_line(3)  # no line is stored
    descriptor_store.keep_line(3, "/dev/ttyUSB\n1" + "x" * 300, 0)
    eventually(lambda: len(manager.names) == 2)
    assert len(manager.names[-1]) <= 255
    assert manager.names[-1].isprintable()


def test_a_reopened_line_replaces_the_old_one(manager: ServiceManager) -> None:
    descriptor_store = descriptors(manager)
    with open(os.devnull, "rb") as old_line, open(os.devnull, "rb") as new_line:
        descriptor_store.keep_line(1, "/dev/ttyUSB0", old_line.fileno())
        descriptor_store.keep_line(1, "/dev/ttyUSB1", new_line.fileno())
    eventually(lambda: manager.names == ["port-1-line-/dev/ttyUSB1"])


def test_without_systemd_no_descriptor_is_stored_or_returned() -> None:
    descriptor_store = Descriptors(Systemd({}))
    assert not descriptor_store.keeps
    descriptor_store.keep_line(1, "/dev/ttyUSB0", 0)
    descriptor_store.drop_line(1)
    assert descriptor_store.take(1) == HeldLine()


@pytest.mark.parametrize("pid", ["", "1"])
def test_descriptors_for_another_process_are_ignored(manager: ServiceManager, pid: str) -> None:
    descriptor_store = descriptors(
        manager, LISTEN_PID=pid, LISTEN_FDS="2", LISTEN_FDNAMES="port-1-line-x:port-1-note"
    )
    assert descriptor_store.take(1) == HeldLine()


@pytest.mark.parametrize("count", ["x", "-1", "", "\u00b2"])
def test_an_invalid_count_of_descriptors_counts_as_none(manager: ServiceManager, count: str) -> None:
    assert descriptors(manager, LISTEN_PID=str(os.getpid()), LISTEN_FDS=count).take(1) == HeldLine()


@pytest.fixture
def box(tmp_path: Path, manager: ServiceManager, request: pytest.FixtureRequest) -> Iterator[Box]:
    via = getattr(request, "param", "direct")
    dispatch = f'in_doubt = "hold"\nsubmit_timeout_s = 20\nsubmit_via = "{via}"'
    box = Box(tmp_path, slots={1: 1, 2: 1}, dispatch=dispatch)
    box.manager = manager
    box.start_bank("--time-scale", "0.2")
    yield box
    box.stop()


def restart_daemon(box: Box, way: str) -> None:
    """End the daemon and start it again, as systemd does after a crash or `systemctl restart`."""
    assert box.gateway is not None
    if way == "kill":
        box.gateway.kill()
    else:
        box.stop_gateway()
    box.start_gateway()


@pytest.mark.parametrize(("box", "command"), [("direct", "+CMGS"), ("storage", "+CMSS")], indirect=["box"])
def test_a_part_whose_answer_came_while_the_daemon_was_down_is_not_sent_again(box: Box, command: str) -> None:
    box.start_gateway()
    box.sims_ready(2)
    for port in (1, 2):
        box.order(do="hold", port=port, command=command, answer=True)
    sms_id = box.send("being submitted")
    eventually(lambda: box.network("held"))
    assert box.gateway is not None
    box.gateway.kill()
    for port in (1, 2):
        box.order(do="release", port=port)
    box.start_gateway()
    box.becomes(sms_id, "delivered")
    assert len(box.network("submitted")) == 1
    box.stop_gateway()
    assert "is known to be sent" in "".join(box.gateway.stderr)


def test_an_answer_that_comes_after_the_restart_also_settles_the_part(box: Box) -> None:
    box.start_gateway()
    box.sims_ready(2)
    for port in (1, 2):
        box.order(do="hold", port=port, command="+CMGS", answer=True)
    sms_id = box.send("being submitted")
    eventually(lambda: box.network("held"))
    restart_daemon(box, "kill")
    for port in (1, 2):
        box.order(do="release", port=port)
    box.becomes(sms_id, "delivered")
    assert len(box.network("submitted")) == 1


@pytest.mark.parametrize("way", ["kill", "restart"])
def test_a_line_is_passed_from_process_to_process_and_no_text_is_lost(box: Box, way: str) -> None:
    box.start_gateway()
    box.sims_ready(2)
    assert box.manager is not None
    names = box.manager.names
    assert sorted(name.split("/")[0] for name in names) == [
        "port-1-line-",
        "port-1-note",
        "port-2-line-",
        "port-2-note",
    ]
    for number in range(2):
        restart_daemon(box, way)
        box.sims_ready(2)
        assert box.manager.names == names
        box.order(do="incoming", port=1, text=f"text {number}", **{"from": "+22376000000"})
    assert box.gateway is not None
    box.stop_gateway()
    assert "".join(box.gateway.stderr).count("the line stayed open") == 2


def test_the_line_of_a_removed_port_is_dropped(box: Box) -> None:
    box.start_gateway()
    box.sims_ready(2)
    box.stop_gateway()
    text = box.config.read_text()
    box.config.write_text(text[: text.rindex("[[ports]]")])
    box.start_gateway()
    box.sims_ready(1)
    assert box.manager is not None
    eventually(
        lambda: box.manager is not None and all(name.startswith("port-1-") for name in box.manager.names)
    )


def test_a_device_that_was_unplugged_while_the_daemon_was_down_is_reopened(box: Box) -> None:
    box.start_gateway()
    box.sims_ready(2)
    assert box.gateway is not None
    box.gateway.kill()
    box.order(do="unplug", port=1)
    box.order(do="replug", port=1)
    box.start_gateway()
    box.sims_ready(2)
    box.becomes(box.send("after that"), "delivered")


def test_a_start_without_stored_descriptors_is_a_normal_start(box: Box) -> None:
    box.start_gateway()
    box.sims_ready(2)
    box.stop_gateway()
    assert box.manager is not None
    box.manager.empty()
    box.start_gateway()
    box.sims_ready(2)
    box.becomes(box.send("after that"), "delivered")
