"""Brings a modem back to answering `AT` with a clean `OK`, from whatever state it was left in."""

from __future__ import annotations

from time import monotonic

from config.language.text import Text
from modem.at.framer import Event
from modem.at.line import CTRL_Z, ESC, ModemLine
from modem.at.responses import Result, is_spoken, result
from modem.at.transport import ChannelError, SilentError
from modem.timeouts import BETWEEN_REALIGNMENTS_S


class OutOfStepError(ChannelError):
    """The modem could not be brought back to answering `AT` with a clean `OK`."""


class Synchroniser:
    """Makes sure that the next answer belongs to the next command."""

    def __init__(self, line: ModemLine) -> None:
        self._line = line
        self._locked = False  # the modem answered the last AT with the state of its SIM
        self._realigned_at = float("-inf")

    def prepare(self) -> None:
        """Make the line ready for the next command: in step, after the modem's pause, without stale input.

        Raises OutOfStepError, DeviceGoneError.
        """
        line = self._line
        line.drop_stale()
        if not line.in_step:
            self.resync()
        elif line.doubtful and monotonic() - self._realigned_at >= BETWEEN_REALIGNMENTS_S:
            self.realign()
        line.doubtful = False
        if line.pause_s and line.answered_at is not None:
            line.listen_until(line.answered_at + line.pause_s)

    def realign(self) -> None:
        """Wait for late lines and check that `AT` is answered. Takes about 0.3 s; otherwise see `resync`."""
        self._realigned_at = monotonic()
        self._line.listen_until_quiet(self._line.timeouts.quiet_s)
        if not self._answers("AT"):
            self.resync()

    def resync(self) -> None:
        """Bring the modem back in step. Takes about 0.6 s where it answers, at most 12 s where it does not.

        Raises OutOfStepError, DeviceGoneError.
        """
        line, timeouts = self._line, self._line.timeouts
        line.in_step = False
        line.framer.echo = ""
        line.framer.prompt_wanted = False
        line.late_result = None
        line.listen_until_quiet(timeouts.quiet_s)
        late_result = line.late_result  # a result after the ESC may answer the ESC
        try:
            line.write(ESC)
            line.pause(timeouts.escape_s)
            if self._answers("AT") or self._answers("AT") or self._answers("ATQ0V1E0"):
                return
            # Text entry that one ESC does not end: gammu sends ESC CR, some firmware needs two.
            line.write(ESC + ESC + b"\r")
            line.pause(timeouts.escape_s)
            if self._answers("AT"):
                return
            # The last way: end the text entry with its content, which is no PDU. phonesim ignores ESC.
            line.write(CTRL_Z)
            line.listen_until_quiet(timeouts.sync_s)
            if self._answers("AT") or self._answers("ATQ0V1E0"):
                return
        except SilentError as error:
            raise OutOfStepError(str(error)) from error
        finally:
            line.doubtful = False
            line.late_result = late_result
            line.restarted = line.restarted or (line.numeric and line.told_v1)
        raise OutOfStepError(Text("the modem does not answer AT"))

    def _answers(self, text: str) -> bool:
        """Whether the modem answers with an OK, and sends nothing more after it."""
        line = self._line
        line.write_command(text)
        found = self._await_result()
        line.framer.echo = ""
        if found is None:
            return False
        line.answered_at = monotonic()
        # A modem that needs its PIN first may refuse even AT. Twice the same refusal is no late answer.
        locked = found.cause().refuses_at
        understood = found.ok or (locked and self._locked)
        self._locked = locked
        line.in_step = line.listen_until_quiet(line.timeouts.clean_s) and understood
        return line.in_step

    def _await_result(self) -> Result | None:
        """The final result of `AT`; None without one in time."""
        line = self._line
        deadline = monotonic() + line.timeouts.sync_s
        found: Result | None = None
        another = False  # lines of an older answer came: the next result belongs to them
        while found is None:
            events = line.read(deadline)
            if events is None:
                return None
            for event in events:
                verdict = result(event, numeric=True) if isinstance(event, str) else None
                if verdict is None:
                    another = another or self._belongs_to_another(event)
                    line.set_aside(event)
                elif another:
                    another = False  # the OK to this `AT` follows
                    deadline = monotonic() + line.timeouts.sync_s
                elif found is None or not verdict.ok:
                    found = verdict
                    line.numeric = event in ("0", "4")
        return found

    def _belongs_to_another(self, event: Event) -> bool:
        """Whether a line in place of a bare OK is part of the answer to a question."""
        if not isinstance(event, str) or self._line.collector.awaits_line:
            return False
        if is_spoken(event):
            return self._line.habits.answers_another(event)
        return event[:2].upper() != "AT" and event.isascii() and event.isprintable()
