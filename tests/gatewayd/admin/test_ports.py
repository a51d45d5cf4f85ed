"""The administration commands for ports: what they accept, what they refuse, and what they never show."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import PortSettings
from gatewayd.admin import commands
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.sims.numbering import Numbering
from gatewayd.store.tables import ports as table
from gatewayd.timekeeping.clock import Calendar
from tests.gatewayd.played_ports import PlayedGateway

FILE_PORT = PortSettings(port=1, device="/dev/tty1")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """The commands on a store without a daemon, and with one port in the configuration file."""
    played = PlayedGateway(tmp_path / "played", ports=1)
    calendar, numbering = Calendar(played.settings.numbers.zone), Numbering(played.settings.numbers)
    yield Context(played.store, played.clock, calendar, numbering, None, (FILE_PORT,))
    played.close()


def run(context: Context, command: str, **arguments: object) -> Any:
    return commands.run(context, command, arguments)


def refusal(context: Context, command: str, **arguments: object) -> str:
    with pytest.raises(AdminError) as refused:
        run(context, command, **arguments)
    return str(refused.value)


def test_a_port_is_kept_changed_and_removed(context: Context) -> None:
    made = run(context, "port.add", port=2, device="/dev/tty2", settings={"slots": 2, "pin": "1234"})
    assert (made["source"], made["state"], made["slots"], made["has_pin"]) == (
        "database",
        "not_running",
        2,
        True,
    )
    changed = run(
        context, "port.set", port=2, changes={"pin": None, "smsc": "+22370000000", "device": "usb:1-1.2"}
    )
    assert (changed["has_pin"], changed["smsc"], changed["device"]) == (False, "+22370000000", "usb:1-1.2")
    assert changed["slots"] == 2
    listed = run(context, "port.list")
    assert [(row["port"], row["source"]) for row in listed] == [(1, "file"), (2, "database")]
    assert run(context, "port.remove", port=2) == {"port": 2, "ended": True}
    assert [row["port"] for row in run(context, "port.list")] == [1]


def test_a_pin_is_kept_and_never_shown(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [
        run(context, "port.add", port=2, device="/dev/tty2", settings={"pin": "86420"}),
        run(context, "port.list"),
        run(context, "port.set", port=2, changes={"baud": 9600}),
        refusal(context, "port.add", port=3, device="/dev/tty3", settings={"pin": "86420x"}),
        refusal(context, "port.set", port=2, changes={"pin": "86420x"}),
        refusal(context, "port.set", port=2, changes={"pin": 86420}),
    ]
    with context.store.readers.lend() as db:
        [row] = table.stored(db)
    assert row.pin == "86420"
    assert "86420" not in json.dumps(shown) + repr(row) + caplog.text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"port": 1, "device": "/dev/tty7"}, "There is a port 1 already"),
        ({"port": 2, "device": "/dev/tty1"}, "Port 1 uses this device already"),
        ({"port": 2, "device": "/dev/../dev/tty1"}, "Port 1 uses this device already"),
        ({"port": 0, "device": "/dev/tty7"}, "port"),
        ({"port": 2, "device": "tty7"}, "must be the path of one device"),
        ({"port": 2, "device": "/*/*/*"}, "must be the path of one device"),
        ({"port": 2, "device": "/" + "x" * 5000}, "must be the path of one device"),
        ({"port": 2, "device": "usb:"}, "must be the path of one device"),
        ({"port": 2, "device": "/dev/tty7", "settings": {"baud": 1}}, "baud: "),
        ({"port": 2, "device": "/dev/tty7", "settings": {"reset_command": ["/bin/true"]}}, "reset_command"),
        ({"port": 2, "device": "/dev/tty7", "settings": {"slot_command": "AT+X={slot}"}}, "slot_command"),
    ],
)
def test_a_port_that_cannot_be_is_refused(context: Context, arguments: dict[str, Any], told: str) -> None:
    assert told in refusal(context, "port.add", **arguments)
    assert [row["port"] for row in run(context, "port.list")] == [1]


def test_a_port_of_the_file_is_changed_in_the_file_alone(context: Context) -> None:
    for command, more in (("port.set", {"changes": {"baud": 9600}}), ("port.remove", {})):
        assert "is in the configuration file" in refusal(context, command, port=1, **more)
    assert "There is no port 5" in refusal(context, "port.remove", port=5)


def test_a_port_of_the_file_comes_before_one_of_the_database(context: Context) -> None:
    run(context, "port.add", port=2, device="/dev/tty2")
    run(context, "port.add", port=3, device="/dev/tty3")
    files = (PortSettings(port=2, device="/dev/other"), PortSettings(port=4, device="/dev/tty3"))
    later = Context(context.store, context.clock, context.calendar, context.numbering, None, files)
    shown = [(row["port"], row["source"], row["state"]) for row in run(later, "port.list")]
    assert shown == [
        (2, "file", "not_running"),
        (2, "database", "replaced"),
        (3, "database", "replaced"),
        (4, "file", "not_running"),
    ]
    assert "There is no port 3" in refusal(later, "port.pause", port=3)
    run(later, "port.remove", port=2)
    assert run(later, "port.set", port=3, changes={"device": "/dev/tty33"})["state"] == "not_running"


def test_a_pause_is_kept(context: Context) -> None:
    first = run(context, "port.pause", port=1)
    assert first["state"] == "paused"
    assert run(context, "port.pause", port=1)["paused_since"] == first["paused_since"]
    assert run(context, "port.resume", port=1)["paused_since"] is None


def test_commands_for_running_ports_need_a_daemon(context: Context) -> None:
    for command in ("port.restart", "port.history"):
        assert "no gatewayd is running" in refusal(context, command, port=1)
    assert "no gatewayd is running" in refusal(context, "port.discover")


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["1234", "/dev/x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [*("port", "device", "settings", "baud", "slots", "pin", "smsc", "rtscts"), "changes", "context", "x", ""]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    command=st.sampled_from(["port.add", "port.set", "port.remove", "port.pause", "port.discover"]),
    arguments=st.dictionaries(NAMES, ANYTHING | st.dictionaries(NAMES, ANYTHING, max_size=4), max_size=4),
    number=st.none() | st.integers(1, 12),
)
def test_anything_at_all_is_done_or_refused_with_a_documented_error(
    context: Context, command: str, arguments: dict[str, object], number: int | None
) -> None:
    if number is not None:
        arguments |= {"port": number, "device": f"/dev/tty{number}"}
    with suppress(AdminError):
        json.dumps(commands.run(context, command, arguments))
    with context.store.readers.lend() as db:
        stored = table.stored(db)
    for row in stored:
        PortSettings.model_validate(
            {"port": row.port, "device": row.device, "baud": row.baud, "slots": row.slots}
        )
