"""Chooses the next step for a port in trouble. Pure: no device, no clock.

The channel itself takes the first step, to bring the modem back in step (`modem.at.channel.Channel.resync`). Then the
device is opened again; the modem is told to restart; the program of `reset_command` is run; and then the port rests
between tries, longer each time.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.language.text import Text
from modem.timeouts import Timing

# So many losses of the device in a row, each during a submission, show a weak power supply. The first may be an unplugged
# cable.
_LOST_CARRYING = 3


@dataclass(frozen=True, slots=True)
class Step:
    """The port's next action, and the pause after it."""

    text: str  # for the log and the status
    pause_s: float
    restart: bool = False  # tell the modem to restart, before its device is closed
    command: bool = False  # run `reset_command`, once it is closed


class Recovery:
    """The steps of one port. `has_command`: it has a `reset_command`."""

    def __init__(self, timing: Timing, *, has_command: bool) -> None:
        self.troubles = 0  # connections in a row that ended badly
        self._timing = timing
        self._has_command = has_command
        self._lost_young = 0  # connections in a row that ended before the modem had come up
        self._lost_carrying = (
            0  # connections in a row that ended during a submission, and in which none succeeded
        )
        self._away_since: float | None = None
        self._commands = 0  # run for a device that stays away

    def modem_failed(self, *, proven: bool) -> Step:
        """The modem was there and did not do its work. `proven`: it had submitted a part since the device was opened."""
        self._away_since = None
        self._lost_young = 0
        if proven:
            self._lost_carrying = 0
        self.troubles = 1 if proven else self.troubles + 1
        timing, command = self._timing, self._has_command
        if self.troubles == 1:
            return Step(Text("the port opens it again"), timing.reopen_s)
        if self.troubles == 2:
            return Step(Text("it is restarted"), timing.reset_s, restart=True)
        if self.troubles == 3 and command:
            return Step(Text("reset_command is run"), timing.reset_s, command=True)
        rest_s = _last(timing.rests_s, self.troubles - (4 if command else 3))
        if command:
            text = Text("it is restarted, reset_command is run, and it rests for {rest_s:g} s", rest_s=rest_s)
        else:
            text = Text("it is restarted and rests for {rest_s:g} s", rest_s=rest_s)
        return Step(text, timing.reset_s + rest_s, restart=True, command=command)

    def restart(self) -> Step:
        """The modem answers and is restarted nevertheless. This does not count as trouble."""
        return Step(Text("it is restarted"), self._timing.reset_s, restart=True)

    def lost(self, now: float, *, young: bool, carrying: bool = False, proven: bool = False) -> Step:
        """The device was lost. `young`: before the modem had come up, as some do again and again for half a minute.

        `carrying`: during a submission. A modem whose power fails each time it sends is sick.
        """
        if proven:
            self._lost_carrying = 0
        self._lost_carrying += carrying
        if carrying and self._lost_carrying >= _LOST_CARRYING:
            rest_s = _last(self._timing.rests_s, self._lost_carrying - _LOST_CARRYING)
            text = Text(
                "it rests for {rest_s:g} s, for it was lost at {count} messages in a row",
                rest_s=rest_s,
                count=self._lost_carrying,
            )
            if self._has_command:
                text = Text("reset_command is run, and {rest}", rest=text)
            return Step(text, rest_s, command=self._has_command)
        if not young:
            self._away_since = None
            self._lost_young = 0
        step = self.away(now)
        pause_s = min(step.pause_s * 2 ** min(self._lost_young, 10), self._timing.refused_s)
        self._lost_young += young
        return Step(step.text, max(pause_s, step.pause_s), command=step.command)

    def away(self, now: float) -> Step:
        """The device is missing."""
        if self._away_since is None:
            self._away_since, self._commands = now, 0
        if self._has_command and now - self._away_since >= _last(self._timing.away_s, self._commands):
            self._commands += 1
            self._away_since = now
            return Step(Text("reset_command is run"), self._timing.look_s, command=True)
        return Step(Text("it is looked for"), self._timing.look_s)

    def refused(self) -> Step:
        """The device is there and cannot be opened: another program may release it."""
        self._away_since = None
        return Step(Text("it is tried again"), self._timing.refused_s)


def _last(values: tuple[float, ...], index: int) -> float:
    """Return the value at `index`, or the last one beyond the end."""
    return values[min(index, len(values) - 1)]
