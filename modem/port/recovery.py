"""The ladder: what is done about a port in trouble, step by step, each less gentle than the one before. Pure.

The first step, bringing the modem back in step, is the channel's own (`modem.at.channel.Channel.resync`). Then the device is
opened anew; the modem is told to restart; the program of `reset_command` is run; and then the port rests between
tries, longer each time.
"""

from __future__ import annotations

from dataclasses import dataclass

from modem.timeouts import Timing

# Submissions in a row at which the device is lost, and nothing sent between them: the first may be somebody's hand.
_LOST_CARRYING = 3


@dataclass(frozen=True, slots=True)
class Step:
    """What is done, and how long the port is left alone after it."""

    words: str
    pause_s: float
    restart: bool = False  # tell the modem to, before its device is closed
    command: bool = False  # run `reset_command`, once it is closed


class Recovery:
    """Where a port stands on it. `has_command`: it has a `reset_command`."""

    def __init__(self, timing: Timing, *, has_command: bool) -> None:
        self.troubles = 0  # lives of the connection in a row that ended badly
        self._timing = timing
        self._has_command = has_command
        self._lost_young = 0  # lives in a row that ended before the modem had come up
        self._lost_carrying = 0  # lives in a row that ended with a submission, and in which none succeeded
        self._away_since: float | None = None
        self._commands = 0  # run for a device that stays away

    def sick(self, *, proven: bool) -> Step:
        """The modem was there and did not do its work. `proven`: it had done some since it was opened."""
        self._away_since = None
        self._lost_young = 0
        if proven:
            self._lost_carrying = 0
        self.troubles = 1 if proven else self.troubles + 1
        timing, command = self._timing, self._has_command
        if self.troubles == 1:
            return Step("it is opened anew", timing.reopen_s)
        if self.troubles == 2:
            return Step("it is restarted", timing.reset_s, restart=True)
        if self.troubles == 3 and command:
            return Step("reset_command is run", timing.reset_s, command=True)
        rest_s = _last(timing.rests_s, self.troubles - (4 if command else 3))
        also = ", reset_command is run," if command else ""
        words = f"it is restarted{also} and rests for {rest_s:g} s"
        return Step(words, timing.reset_s + rest_s, restart=True, command=command)

    def restart(self) -> Step:
        """The modem answers, and is to be restarted all the same. It is no trouble of the connection."""
        return Step("it is restarted", self._timing.reset_s, restart=True)

    def lost(self, now: float, *, young: bool, carrying: bool = False, proven: bool = False) -> Step:
        """The device was taken away. `young`: before the modem had come up, as some do for half a minute on end.

        `carrying`: by a submission. A modem whose power breaks down each time it sends is sick.
        """
        if proven:
            self._lost_carrying = 0
        self._lost_carrying += carrying
        if carrying and self._lost_carrying >= _LOST_CARRYING:
            rest_s = _last(self._timing.rests_s, self._lost_carrying - _LOST_CARRYING)
            also = "reset_command is run, and " if self._has_command else ""
            words = (
                f"{also}it rests for {rest_s:g} s, for it was lost at {self._lost_carrying} messages in a row"
            )
            return Step(words, rest_s, command=self._has_command)
        if not young:
            self._away_since = None
            self._lost_young = 0
        step = self.away(now)
        pause_s = min(step.pause_s * 2 ** min(self._lost_young, 10), self._timing.refused_s)
        self._lost_young += young
        return Step(step.words, max(pause_s, step.pause_s), command=step.command)

    def away(self, now: float) -> Step:
        """The device is not there."""
        if self._away_since is None:
            self._away_since, self._commands = now, 0
        if self._has_command and now - self._away_since >= _last(self._timing.away_s, self._commands):
            self._commands += 1
            self._away_since = now
            return Step("reset_command is run", self._timing.look_s, command=True)
        return Step("it is looked for", self._timing.look_s)

    def refused(self) -> Step:
        """The device is there and cannot be opened: whose it is may change without us."""
        self._away_since = None
        return Step("it is tried again", self._timing.refused_s)


def _last(values: tuple[float, ...], index: int) -> float:
    """The value at `index`, the last one beyond the end."""
    return values[min(index, len(values) - 1)]
