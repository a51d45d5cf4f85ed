"""Settings of a simulated bank, with defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modem.simulator.core.faults import Rule


@dataclass(frozen=True, slots=True)
class BankConfig:
    """Ports, cards, and the network behind them. Times are simulated seconds; `time_scale` makes them real ones."""

    directory: Path  # where the links `port1`, `port2`, ... and the control socket are put; made if absent
    ports: int = 4
    slots: int = 1  # slots of each port that `slots_of` does not name
    slots_of: Mapping[int, int] = field(default_factory=dict)
    personality: str = "plain"  # see `modem.simulator.personality.PERSONALITIES`
    personality_of: Mapping[int, str] = field(default_factory=dict)  # ports that are of another make
    recording_of: Mapping[int, Path] = field(default_factory=dict)  # ports that play a recording
    submit_s: float = 3.0  # from Ctrl-Z to +CMGS: a GSM network needs that long for one submission
    submit_jitter_s: float = 0.0  # a submission takes `submit_s` plus or minus up to this
    delivery_s: float = 2.0  # from acceptance by the service centre to delivery, or to failure
    fail_rate: float = 0.0  # share of submissions that the network refuses, 0 to 1
    fail_code: int = 38  # the +CMS ERROR of these (24.011 E-2; 38 is "network out of order")
    ussd_s: float = 1.5  # from a USSD code to the network's answer
    report_fail_rate: float = 0.0  # share of accepted messages reported as permanently failed, 0 to 1
    refusals: Mapping[str, int] = field(
        default_factory=dict
    )  # recipients (E.164) refused, and with which +CMS ERROR
    report_status: Mapping[str, int] = field(
        default_factory=dict
    )  # recipients never reached, and the TP-ST reported
    registration_s: float = 2.0  # from an unlocked SIM to registration, after a reset or a change of slot
    boot_s: float = 1.0  # from a reset to the first unsolicited line
    pin: str | None = None  # the PIN that every card asks for; None: no PIN
    locked_at_start: bool = True  # with a PIN: ask for it at start already, as after power-on
    first_card: int = (
        1  # the number of each operator's first card; banks of several boxes have different cards
    )
    storage: int = 20  # messages that a card holds
    faults: tuple[Rule, ...] = ()  # random faults
    seed: int = 1  # of every random choice
    time_scale: float = 1.0  # real seconds in a simulated one: 0.01 makes a 3 s submission take 30 ms
    baud: int = 0  # bits a second on the line, ten a byte; 0: as fast as the machine
    log: Path | None = None  # one JSON line for each event, appended and flushed
    kept: int = 100_000  # accepted submissions that the witness remembers; the oldest are forgotten first
