"""`gatewayd simulate`: run a bank of simulated modems without the gateway, for any program that opens modems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from tabulate import tabulate

from gatewayd.commands.command_help import examples
from gatewayd.commands.output import say
from gatewayd.daemon.signals import stop_asked, stop_signals_held
from gatewayd.escaping import json_text
from modem.recording.document import RecordingError
from modem.simulator.bank import Bank, BankConfig
from modem.simulator.core.faults import Fault, Rule
from modem.simulator.personality import PERSONALITIES

_POLL_S = 1.0  # between checks that the bank's thread is alive


class _Pair(click.ParamType[tuple[str | int, int]]):
    """`LEFT=RIGHT`: two integers, or with `number` a phone number and an integer."""

    name = "A=B"

    def __init__(self, *, number: bool = False) -> None:
        self._number = number

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | int, int]:
        left, _, right = str(value).partition("=")
        try:
            return (left if self._number else int(left)), int(right)
        except ValueError:
            self.fail(f"{value!r} is not of the form {'NUMBER' if self._number else 'PORT'}=N", param, ctx)


class _Make(click.ParamType[tuple[int, str]]):
    """`PORT=MAKE`."""

    name = "PORT=MAKE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, str]:
        port, _, make = str(value).partition("=")
        if not port.isdecimal() or make not in PERSONALITIES:
            self.fail(f"{value!r} is not of the form PORT=MAKE", param, ctx)
        return int(port), make


class _Recording(click.ParamType[tuple[int | None, Path]]):
    """`FILE`, or `PORT=FILE`."""

    name = "[PORT=]FILE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | None, Path]:
        port, equals, file = str(value).partition("=")
        if equals and port.isdecimal():
            return int(port), Path(file)
        return None, Path(str(value))


class _Fault(click.ParamType[Rule]):
    """`NAME[:CODE][=RATE][@PORT]`."""

    name = "fault"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Rule:
        try:
            return Rule.read(str(value))
        except ValueError as error:
            self.fail(f"{error}. Known faults: all, {', '.join(fault.value for fault in Fault)}", param, ctx)


@examples(
    "gatewayd simulate --dir /tmp/modems --ports 4",
    "gatewayd simulate --dir /tmp/modems --fault no-prompt=0.1@2",
)
@click.command()
@click.option("--ports", default=8, show_default=True, type=click.IntRange(1, 1024), help="Simulated modems.")
@click.option("--slots", default=1, show_default=True, type=click.IntRange(1, 8), help="SIM slots per modem.")
@click.option(
    "--slots-of", multiple=True, type=_Pair(), metavar="PORT=N", help="Slots of one modem. May be repeated."
)
@click.option(
    "--dir",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the links port1, port2, ... and the control socket.",
)
@click.option(
    "--submit-s", default=3.0, show_default=True, type=click.FloatRange(0), help="Seconds of a submission."
)
@click.option(
    "--submit-jitter", default=0.0, show_default=True, type=click.FloatRange(0), help="Seconds plus or minus."
)
@click.option(
    "--delivery-s", default=2.0, show_default=True, type=click.FloatRange(0), help="Seconds to delivery."
)
@click.option(
    "--fail-rate",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of refused submissions.",
)
@click.option(
    "--fail-code",
    default=38,
    show_default=True,
    type=click.IntRange(0, 999),
    help="The +CMS ERROR code of refused submissions.",
)
@click.option(
    "--report-fail-rate",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of submitted messages that are never delivered.",
)
@click.option(
    "--refuse", multiple=True, type=_Pair(number=True), metavar="NUMBER=CODE", help="Refuse a recipient."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=_Fault(),
    metavar="NAME[:CODE][=RATE][@PORT]",
    help="A fault, its rate and its port; `all` is every fault. May be repeated.",
)
@click.option(
    "--first-card",
    default=1,
    show_default=True,
    type=click.IntRange(1, 900_000),
    help="The number of the first card; give banks of several boxes different ones.",
)
@click.option("--pin", help="The PIN of every SIM.")
@click.option("--seed", default=1, show_default=True, help="The seed of every random choice.")
@click.option(
    "--time-scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Real seconds per simulated second.",
)
@click.option(
    "--baud", default=0, show_default=True, type=click.IntRange(0), help="Bits per second; 0: no limit."
)
@click.option(
    "--personality",
    default="plain",
    show_default=True,
    type=click.Choice(sorted(PERSONALITIES)),
    metavar="MAKE",
    help="The make of the modems, such as ec25 or e173; a wrong one names all.",
)
@click.option(
    "--personality-of",
    multiple=True,
    type=_Make(),
    metavar="PORT=MAKE",
    help="The make of one modem. May be repeated.",
)
@click.option(
    "--recording",
    "recordings",
    multiple=True,
    type=_Recording(),
    metavar="[PORT=]FILE",
    help="Play a recording, at the next port without one or at PORT. May be repeated.",
)
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that gets a JSON line for each event.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the ports as one line of JSON.")
@stop_signals_held()
def simulate(
    ports: int,
    slots: int,
    slots_of: tuple[tuple[int, int], ...],
    directory: Path,
    submit_s: float,
    submit_jitter: float,
    delivery_s: float,
    fail_rate: float,
    fail_code: int,
    report_fail_rate: float,
    refuse: tuple[tuple[str, int], ...],
    faults: tuple[Rule, ...],
    first_card: int,
    pin: str | None,
    seed: int,
    time_scale: float,
    baud: int,
    personality: str,
    personality_of: tuple[tuple[int, str], ...],
    recordings: tuple[tuple[int | None, Path], ...],
    log: Path | None,
    as_json: bool,
) -> None:
    """Run a bank of simulated modems until SIGTERM or SIGINT."""
    if absent := sorted({rule.port for rule in faults if rule.port is not None} - set(range(1, ports + 1))):
        raise click.BadParameter(f"there is no port {absent[0]}", param_hint="--fault")
    config = BankConfig(
        directory=directory.absolute(),
        ports=ports,
        slots=slots,
        slots_of=dict(slots_of),
        personality=personality,
        personality_of=dict(personality_of),
        recording_of=_by_port(recordings, ports, dict(personality_of)),
        submit_s=submit_s,
        submit_jitter_s=submit_jitter,
        delivery_s=delivery_s,
        fail_rate=fail_rate,
        fail_code=fail_code,
        report_fail_rate=report_fail_rate,
        refusals=dict(refuse),
        faults=faults,
        first_card=first_card,
        pin=pin,
        seed=seed,
        time_scale=time_scale,
        baud=baud,
        log=log,
    )
    try:
        bank = Bank(config)
    except RecordingError as error:
        raise click.ClickException(str(error)) from error
    _run(bank, as_json=as_json)


def _by_port(
    recordings: Sequence[tuple[int | None, Path]], ports: int, makes: Mapping[int, str]
) -> dict[int, Path]:
    """Each recording at its port, and those without one at the first ports without a recording or a make."""
    placed = {port: file for port, file in recordings if port is not None}
    free = (port for port in range(1, ports + 1) if port not in placed and port not in makes)
    for _, file in (each for each in recordings if each[0] is None):
        port = next(free, None)
        if port is None:
            raise click.BadParameter(f"there is no port left for {file}", param_hint="--recording")
        placed[port] = file
    if absent := sorted(set(placed) - set(range(1, ports + 1))):
        raise click.BadParameter(f"there is no port {absent[0]}", param_hint="--recording")
    return placed


def _run(bank: Bank, *, as_json: bool) -> None:
    """Start a bank, print its ports, and run it until a signal to stop. Raises ClickException if it fails."""
    try:
        bank.start()
    except OSError as error:
        raise click.ClickException(f"the bank cannot start: {error}") from error
    say(_as_json(bank) if as_json else _as_table(bank))
    while not stop_asked(_POLL_S):
        if not bank.running:
            raise click.ClickException("the bank stopped after an internal error")
    bank.stop()


def _as_json(bank: Bank) -> str:
    ports = [
        {
            "port": port,
            "device": str(bank.device(port)),
            "slots": [
                {"slot": slot, "number": sim.number, "iccid": sim.iccid, "operator": sim.operator.name}
                for slot, sim in enumerate(bank.slots(port), 1)
            ],
        }
        for port in bank.ports
    ]
    return json_text({"ports": ports, "control": str(bank.control)})


def _as_table(bank: Bank) -> str:
    rows = [
        (
            port if slot == 1 else "",
            bank.device(port) if slot == 1 else "",
            slot,
            sim.number,
            sim.operator.name,
        )
        for port in bank.ports
        for slot, sim in enumerate(bank.slots(port), 1)
    ]
    table = tabulate(rows, headers=("port", "device", "slot", "number", "operator"), disable_numparse=True)
    return f"{table}\n\nOrders are accepted at {bank.control}. Ctrl-C stops the bank."
