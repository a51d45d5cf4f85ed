"""How long the gateway waits for a modem, with the reason for each value. All values are in seconds; tests shorten them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

# The answer to a simple command. Telit allows 5 s, Quectel 0.3 s; other drivers wait 1 to 10 s.
ANSWER_S: Final = 5.0

# The shortest time between two realignments of a channel. A modem that sends odd lines again and again must not be
# asked `AT` before each command.
BETWEEN_REALIGNMENTS_S: Final = 1.0

# A caller rings every 3 to 6 s. The end of a call within this time after a ring is the end of that call.
RINGING_S: Final = 8.0

# Between two pieces of a PDU for a UART with a small buffer. Kannel waits 10 ms.
BETWEEN_PIECES_S: Final = 0.02

# Between two readings of a modem's clock that can show that it stands still. It counts whole seconds.
CLOCK_STANDS_S: Final = 2.0

# Between two questions for the indicators of +CIEV: it also reports each change of the signal.
INDICATORS_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class ChannelTimeouts:
    """Timeouts of one channel."""

    prompt_s: float = 10.0  # usually below 1 s, but some modems may take 3 minutes; ModemManager waits 10 s
    result_s: float = 5.0  # from +CMGS to its OK: the network has answered, only the line is in between
    write_s: float = 5.0  # a PDU takes 0.4 s at 9600 baud; a modem that takes longer has stopped reading
    quiet_s: float = 0.2  # a modem in the middle of an answer does not pause longer than this
    flood_s: float = 2.0  # after this, a modem that never stops sending gets the command anyway
    escape_s: float = 0.3  # to leave text entry after ESC
    sync_s: float = 1.0  # for the OK to `AT`
    clean_s: float = 0.1  # nothing may follow that OK; otherwise it answered an older command
    head_s: float = 3.0  # from +CMT to its PDU: 0.4 s at 9600 baud, and a pause on the line
    text_s: float = 1.0  # between two lines of one +CUSD


DEFAULT_TIMEOUTS: Final = ChannelTimeouts()


@dataclass(frozen=True, slots=True)
class UssdTimeouts:
    """Timeouts of a USSD session."""

    answer_s: float = 30.0  # for the network: it answers within a few seconds or not at all
    result_s: float = 2.0  # for the OK after the answer
    setting_s: float = 5.0  # for a setting that the modem knows without the network
    # After a code without an answer, the next answer may belong to that code: wait so long for a second one.
    late_s: float = 5.0
    cautious_s: float = 300.0  # how long that doubt lasts: no network holds a session for longer
    cancel_s: float = 1.0  # for lines that the network still sends after AT+CUSD=2


@dataclass(frozen=True, slots=True)
class CommandTimeouts:
    """Timeouts of the commands to one modem."""

    command_s: float = ANSWER_S
    sim_s: float = 20.0  # Telit's maximum for a command to the SIM
    function_s: float = 15.0  # +CFUN: Quectel's maximum
    search_s: float = 180.0  # AT+COPS=0: the maximum of Quectel and Telit
    list_s: float = 60.0  # 100 messages take 36 s of line time at 9600 baud
    busy_s: float = 30.0  # a SIM is busy for up to 20 s after its start
    again_s: float = 1.0  # between two tries of a busy command
    slot_s: float = 20.0  # until another SIM answers than before the slot switch
    mute_s: float = 2.0  # for a modem that answers known commands at once and unknown ones not at all
    appear_s: float = 5.0  # a slot without an answering SIM for so long is empty
    ussd: UssdTimeouts = field(default_factory=UssdTimeouts)


@dataclass(frozen=True, slots=True)
class SearchTimeouts:
    """Timeouts of the search for modems."""

    # For the OK to `AT`. Three are sent at each speed, because the first ones train the modem's autobaud.
    at_s: float = 0.3
    # For the whole device. After that the result is incomplete. A SIM is busy for up to 20 s after its start.
    device_s: float = 30.0
    channel: ChannelTimeouts = field(default_factory=ChannelTimeouts)
    commands: CommandTimeouts = field(
        default_factory=lambda: CommandTimeouts(command_s=3.0, sim_s=8.0, busy_s=8.0, mute_s=1.0)
    )


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals and timeouts of a port's thread."""

    look_s: float = 1.0  # between checks for a missing device; udev needs 0.2 to 3 s for its links
    # Between tries to open a device that is there and cannot be opened. The search for its user reads all processes.
    refused_s: float = 5.0
    reopen_s: float = 1.0  # between closing and opening: the modem must see DTR drop
    reset_s: float = 8.0  # a module needs 5 to 30 s to start; the device is looked for after this time
    # Between tries with a modem that does not recover.
    rests_s: tuple[float, ...] = (5.0, 15.0, 60.0, 300.0)
    # How long a device is missing before reset_command runs, and runs again: a restart takes half a minute.
    away_s: tuple[float, ...] = (60.0, 300.0, 3600.0)
    command_s: float = 30.0  # for reset_command: a hub leaves a port without power for 2 to 10 s
    refresh_s: float = 60.0  # between readings of registration, signal, operator and SIM
    search_s: float = 5.0  # the same while the modem looks for its network; a URC may come before
    register_s: float = 40.0  # for a SIM to find its network when it is read for the first time
    # For an answer that an older process did not read, before any new command. The network nearly always accepts a
    # message within this time.
    kept_s: float = 10.0
    sim_s: float = 30.0  # between readings of a SIM that does not work
    sim_look_s: float = 3.0  # between readings that the modem asks for; it may report its SIM again and again
    registration_look_s: float = 1.0  # the same for the registration
    hang_up_s: float = 5.0  # between two tries to end a call that keeps ringing: it rings every 3 to 6 s
    # After these times a search for a network begins again, each time with a stronger measure
    # (see `modem.port.network_search`).
    anew_s: tuple[float, float, float] = (300.0, 1800.0, 7200.0)
    list_s: float = 300.0  # between listings, for messages whose notification was lost
    ask_s: float = 2.0  # of the 5 s in which all ports together must answer
    channel: ChannelTimeouts = field(default_factory=ChannelTimeouts)
    commands: CommandTimeouts = field(default_factory=CommandTimeouts)
