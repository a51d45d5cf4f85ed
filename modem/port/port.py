"""The thread that keeps one port working and submits its parts."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Final

from config.language.text import Text, text_of
from config.settings import PortSettings
from modem.at.serial_port import SerialPort, open_device
from modem.at.transcript import Recording, Transcript, Watcher
from modem.at.transport import ChannelError, DeviceGoneError
from modem.driver.ussd import UssdAnswer
from modem.hardware.device_path import DeviceUnavailableError, find_device
from modem.hardware.sysfs import MACHINE, Roots, tty_at
from modem.port import reset_command
from modem.port.connection import connect
from modem.port.held_line import LineStore, NoLineStore, adopt, unread
from modem.port.interface import Work
from modem.port.mailbox import ChangedError, Mailbox, PortChange, RecordOrder, StoppingError, UssdOrder
from modem.port.modem_record import ModemRecord
from modem.port.network_search import RestartNeededError
from modem.port.outcome_check import ModemFaultError
from modem.port.recovery import Recovery, Step
from modem.port.reporter import Reporter
from modem.port.session import Session
from modem.port.status import Answer, PortState, PortStatus, SlotStatus
from modem.port.submission_note import SubmissionNote
from modem.timeouts import Timing

log = logging.getLogger(__name__)

_PAUSED: Final = Text("The port is paused, and other programs may use its device: resume it to send again.")
_PAUSED_WAIT_S: Final = 3600.0  # the longest wait of a paused port; an order ends it


class _RestartOrderedError(Exception):
    """An operator ordered a restart of the modem."""


class Port:
    """One serial device, the modem on it, and the thread that owns both.

    Only the thread calls `work` and uses the device. It looks for a missing device until that comes, and brings a modem
    that fails back in steps (see `modem.port.recovery`).
    """

    def __init__(
        self,
        settings: PortSettings,
        work: Work,
        *,
        submit_timeout_s: float,
        timing: Timing | None = None,
        transcript_lines: int = 200,
        roots: Roots = MACHINE,
        line_store: LineStore | None = None,
        paused: bool = False,
    ) -> None:
        """`line_store`: keeps the line while the process is restarted; by default the line ends with the process.

        `paused`: the port begins paused.
        """
        self.settings = settings  # only the thread replaces it, once it is started
        self._paused = paused
        self._restart = False  # the modem is to be restarted as soon as it is connected
        self._line_store = line_store or NoLineStore()
        self._line: int | None = None  # left by an older process, until the device is found
        self._work = work
        self._submit_timeout_s = submit_timeout_s
        self._timing = timing or Timing()
        self._roots = roots
        self._path = ""  # of `device` when it was last opened
        self._transcript = Transcript(transcript_lines)
        self._record = ModemRecord(settings.port)
        self._reporter: Reporter | None = None
        self._mailbox: Mailbox | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Publish the port, and start the thread, which opens the device as soon as it is there. Call once."""
        status = PortStatus(
            port=self.settings.port,
            device=self.settings.device,
            state=PortState.PAUSED if self._paused else PortState.STARTING,
            detail=_PAUSED if self._paused else Text("The device was not looked for yet."),
            slots=_unread_slots(self.settings.slots),
            active_slot=1,
        )
        self._reporter = Reporter(status, self._work, self._transcript)
        self._reporter.publish()  # so that whoever asks right after the start finds all ports
        self._mailbox = Mailbox(self._reporter, self._transcript)
        self._thread = threading.Thread(
            target=self._run,
            args=(self._mailbox, self._reporter),
            name=f"port {self.settings.port}",
            daemon=True,
        )
        self._thread.start()

    def wake(self) -> None:
        """Report from any thread that there may be work."""
        if self._mailbox is not None:
            self._mailbox.wake()

    def ask(self) -> Future[Answer]:
        """From any thread: ask whether the modem answers OK. During a submission, its last answer counts."""
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        answer = self._mailbox.ask()
        if self._ended.is_set():
            self._mailbox.refuse()
        return answer

    def probe(self, answered: Callable[[], None]) -> None:
        """From any thread: have the port's thread call `answered`, to see that it runs. The modem is not asked."""
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        self._mailbox.probe(answered)

    def ussd(self, code: str, replies: Sequence[str] = (), slot: int | None = None) -> Future[UssdAnswer]:
        """From any thread: send a USSD code between two submissions, and `replies` to its menus in the same session.

        `slot`: the slot of the SIM to use, by default the active one. The future can be cancelled until the order is begun,
        and raises UssdError. Once begun it takes about half a minute for each code, and two minutes to change the slot.
        """
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        order = UssdOrder((code, *replies), slot)
        self._mailbox.ussd(order)
        if self._ended.is_set():
            self._mailbox.refuse()
        return order.answer

    def record(self, order: RecordOrder) -> None:
        """From any thread: record the modem between two submissions. The answer of the order raises NoModemError."""
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        self._mailbox.record(order)
        if self._ended.is_set():
            self._mailbox.refuse()

    def watch(self, watcher: Watcher) -> None:
        """From any thread: pass on the lines to and from the modem, from the ones that are kept until `leave`."""
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        self._mailbox.watch(watcher)
        if self._ended.is_set():
            self._mailbox.refuse()

    def leave(self, watcher: Watcher) -> None:
        """From any thread: pass on nothing more to `watcher`."""
        if self._mailbox is not None:
            self._mailbox.leave(watcher)

    def recall(self) -> Future[Recording]:
        """From any thread: ask for the kept conversation with the modem. Cancelled where the port ends."""
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        recording = self._mailbox.recall()
        if self._ended.is_set():
            self._mailbox.refuse()
        return recording

    def pause(self) -> None:
        """From any thread: finish the part being submitted, then close the device until `resume`."""
        self._change(PortChange(paused=True))

    def resume(self) -> None:
        """From any thread: open the device of a paused port again."""
        self._change(PortChange(paused=False))

    def restart_modem(self) -> None:
        """From any thread: finish the part being submitted, then restart the modem. Not for a paused port."""
        self._change(PortChange(restart=True))

    def use_settings(self, settings: PortSettings) -> None:
        """From any thread: finish the part being submitted, then work with `settings`, which have the same port number."""
        self._change(PortChange(settings=settings))

    def stop(self, *, keep_line: bool = True) -> None:
        """From any thread: finish the part being submitted and begin nothing new.

        `keep_line`: the next process continues on the line, where a service manager keeps it; else the line is closed.
        """
        if self._mailbox is not None:
            self._mailbox.stop(keep_line=keep_line)

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end. Return False if it still runs at the time limit."""
        if self._thread is None or self._mailbox is None:
            return True
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._mailbox.close()
        return True

    def _change(self, change: PortChange) -> None:
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        self._mailbox.change(change)

    # The thread

    def _run(self, mailbox: Mailbox, reporter: Reporter) -> None:
        recovery = Recovery(self._timing, has_command=self.settings.reset_command is not None)
        try:
            self._take_over(reporter)
            while True:
                try:
                    self._apply_changes(mailbox, reporter)
                    if self._paused:
                        self._wait_paused(mailbox, reporter)
                    else:
                        self._connect_once(mailbox, reporter, recovery)
                except StoppingError:
                    raise
                except ChangedError:
                    continue
                except Exception:  # the gateway fails at every call: the port continues without it
                    log.exception(
                        "port %d: unexpected error while publishing port status", self.settings.port
                    )
                    with suppress(ChangedError):
                        mailbox.sleep(recovery.modem_failed(proven=False).pause_s, settling=False)
        except StoppingError:
            pass
        finally:
            self._end(mailbox, reporter)

    def _apply_changes(self, mailbox: Mailbox, reporter: Reporter) -> None:
        """Apply the changes that wait. The next connection uses them."""
        for change in mailbox.take_changes():
            if change.paused is not None:
                self._paused = change.paused
            self._restart = self._restart or change.restart
            if change.settings is not None:
                self._adopt_settings(change.settings, reporter)
        self._restart = self._restart and not self._paused

    def _adopt_settings(self, settings: PortSettings, reporter: Reporter) -> None:
        """Work with other settings. The state of the modem and its SIMs is forgotten."""
        self.settings, self._path = settings, ""
        self._record = ModemRecord(settings.port)
        if reporter.outcome is not None:
            reporter.settle()  # with the status that names the SIM of the part
        reporter.publish(
            device=settings.device,
            state=PortState.ABSENT,
            detail=Text("The settings of the port were changed."),
            slots=_unread_slots(settings.slots),
            active_slot=1,
            busy=False,
            imei="",
            model="",
            network_time=None,
            conditions=(),
        )

    def _wait_paused(self, mailbox: Mailbox, reporter: Reporter) -> None:
        """Wait with a closed device for the next order. Raises StoppingError, ChangedError."""
        self._close_left_line()
        mailbox.modem_answered(ok=False)
        reporter.publish_end(PortState.PAUSED, _PAUSED)
        mailbox.sleep(_PAUSED_WAIT_S)

    def _connect_once(self, mailbox: Mailbox, reporter: Reporter, recovery: Recovery) -> None:
        """Open the device, work until the connection ends, and do the next step of recovery.

        Raises StoppingError, ChangedError.
        """
        device: SerialPort | None = None
        session: Session | None = None
        try:
            device, unread_octets = self._open()
            session = self._session(mailbox, reporter, device, unread_octets)
            if self._restart:
                raise _RestartOrderedError
            session.run()
        except StoppingError:
            raise
        except ChangedError:
            self._apply_changes(mailbox, reporter)
            if not self._restart:
                return
            step, state, detail = self._next_step(_RestartOrderedError(), session, reporter, recovery)
        except (
            *(DeviceUnavailableError, ChannelError),
            *(RestartNeededError, ModemFaultError, _RestartOrderedError),
        ) as error:
            step, state, detail = self._next_step(error, session, reporter, recovery)
        except Exception:  # the top of the thread: the port continues after any failure
            log.exception("port %d: an unexpected failure", self.settings.port)
            fault = ModemFaultError(Text("the gateway itself failed on this port, see its log"))
            step, state, detail = self._next_step(fault, session, reporter, recovery)
        finally:
            if device is not None:
                self._close(device, mailbox)
        if session is not None and state is not PortState.STARTING:  # a restart by order is no failure
            self._log_transcript()
        mailbox.modem_answered(ok=False)
        reporter.publish_end(state, detail)
        if step.command:
            self._run_reset_command(mailbox, reporter)
        mailbox.sleep(step.pause_s)

    def _session(
        self, mailbox: Mailbox, reporter: Reporter, device: SerialPort, unread_octets: int | None
    ) -> Session:
        connection = connect(
            device.fd,
            self.settings,
            mailbox,
            reporter,
            self._record,
            self._transcript,
            self._submit_timeout_s,
            self._timing,
            partial(tty_at, self._path, self._roots),
        )
        return Session(connection, unread_octets)

    def _next_step(
        self, error: Exception, session: Session | None, reporter: Reporter, recovery: Recovery
    ) -> tuple[Step, PortState, str]:
        """Choose what to do after the end of a connection, and restart the modem if that is due.

        Return the step, and the state and detail to be published.
        """
        port, proven = self.settings.port, session is not None and session.proven
        self._restart = False  # done now, or useless: a device that comes back has restarted
        if isinstance(error, DeviceUnavailableError):
            step = recovery.away(monotonic()) if error.missing else recovery.refused()
            return step, PortState.ABSENT, str(error)
        if isinstance(error, DeviceGoneError):
            step = recovery.lost(
                monotonic(),
                young=session is None or not session.came_up,
                carrying=reporter.in_doubt,
                proven=proven,
            )
            log.warning("port %d: %s; %s", port, error, step.text)
            device = self.settings.device
            detail = Text(
                "{device} was lost: is the modem plugged in, and its power supply strong enough?",
                device=device,
            )
            return step, PortState.ABSENT, detail
        if isinstance(error, _RestartOrderedError):
            step = recovery.restart()
            log.info("port %d: an operator ordered a restart of the modem", port)
            if session is not None:
                session.restart_modem()
            return step, PortState.STARTING, Text("The modem is restarted, as an operator ordered.")
        if isinstance(error, RestartNeededError):
            step = recovery.restart()
            log.warning("port %d: %s; %s", port, error, step.text)
            if session is not None:
                session.restart_modem()
            return step, PortState.SICK, Text("The modem has signal but no network; {text}.", text=step.text)
        step = recovery.modem_failed(proven=proven)
        log.warning("port %d: %s (%d in a row); %s", port, error, recovery.troubles, step.text)
        if step.restart and session is not None:
            session.restart_modem()
        return (
            step,
            PortState.SICK,
            Text("The modem is in trouble: {reason}; {text}.", reason=text_of(error), text=step.text),
        )

    def _take_over(self, reporter: Reporter) -> None:
        """Take the line and the note that an older process left, and recover the part that was being submitted."""
        if not self._line_store.keeps:
            return
        port = self.settings.port
        held = self._line_store.take(port)
        self._line = held.line
        try:
            fd = SubmissionNote.create() if held.note is None else held.note
            note = SubmissionNote(fd)
            if held.note is None:
                self._line_store.keep_note(port, fd)
            os.close(fd)
        except (OSError, ValueError) as error:
            log.warning("port %d: no note of the part being submitted is kept: %s", port, error)
            return
        reporter.adopt_note(note)

    def _open(self) -> tuple[SerialPort, int | None]:
        """Find the device and open it, or adopt the line that an older process left open on it.

        The second value is the number of unread octets of an adopted line, None for a new one. Raises
        DeviceUnavailableError.
        """
        settings = self.settings
        path = find_device(settings.device, self._roots)
        if path not in (self._path, settings.device):
            log.info("port %d: %s is %s", settings.port, settings.device, path)
        self._path = path
        line, self._line = self._line, None
        if line is not None:
            device = adopt(line, path, settings.baud, rtscts=settings.rtscts)
            if device is not None:
                count = unread(device.fd)
                log.info("port %d: the line stayed open; %d octets came meanwhile", settings.port, count)
                return device, count
            log.info("port %d: the line that was kept open is no longer %s", settings.port, path)
            self._line = line
            self._close_left_line()
        device = open_device(path, settings.baud, rtscts=settings.rtscts, proc=self._roots.proc)
        self._line_store.keep_line(settings.port, path, device.fd)
        return device, None

    def _close_left_line(self) -> None:
        """Close the line that an older process left open, if it was not taken over."""
        if self._line is not None:
            SerialPort(self._line).close()
            self._line = None
            self._line_store.drop_line(self.settings.port)

    def _close(self, device: SerialPort, mailbox: Mailbox) -> None:
        """Close the line; where the port only stops, it is kept open for the next process."""
        if mailbox.keeps_line and self._line_store.keeps:
            device.leave()
        else:
            self._line_store.drop_line(self.settings.port)
            device.close()

    def _run_reset_command(self, mailbox: Mailbox, reporter: Reporter) -> None:
        """Run the operator's program, because nothing else helped the modem. Raises StoppingError."""
        port, program = self.settings.port, self.settings.reset_command or ()
        log.warning("port %d: reset_command is run", port)
        if reporter.outcome is not None:
            reporter.settle()  # so that the last message does not wait for the program
        try:
            ended = reset_command.run(program, self._timing.command_s, mailbox.fd, mailbox.attend)
        except OSError as error:
            log.error("port %d: reset_command cannot be run: %s", port, error)
            return
        for line in ended.output.splitlines():
            log.debug("port %d: reset_command: %s", port, line)
        if ended.code is None:
            log.error("port %d: reset_command did not end within %g s", port, self._timing.command_s)
        elif ended.code:
            log.error("port %d: reset_command failed with exit code %d", port, ended.code)
        else:
            log.info("port %d: reset_command ended with exit code 0", port)

    def _log_transcript(self) -> None:
        """Write the lines before a failure to the log: each line once, and no more lines than are kept."""
        lines = self._transcript.new_lines()
        if lines and log.isEnabledFor(logging.WARNING):
            text = "\n".join(map(str, lines))
            log.warning("port %d: the last lines before the failure:\n%s", self.settings.port, text)

    def _end(self, mailbox: Mailbox, reporter: Reporter) -> None:
        """Settle the last outcome, and answer the requests that wait."""
        try:
            reporter.publish(state=PortState.STOPPED, detail=Text("The port was stopped."), busy=False)
            if reporter.outcome is not None:
                reporter.settle()
            if reporter.outcome is not None:
                log.error("port %d: the outcome of the last message could not be stored", self.settings.port)
        finally:
            self._ended.set()
            if mailbox.ends_for_good:
                self._close_left_line()
                self._line_store.drop_note(self.settings.port)
            elif self._line is not None:  # the device was not found since the start
                os.close(self._line)
            reporter.close()
            self._transcript.end()
            mailbox.cancel_asks()
            mailbox.refuse_ussd()
            mailbox.refuse()


def _unread_slots(count: int) -> tuple[SlotStatus, ...]:
    return tuple(SlotStatus(slot) for slot in range(1, count + 1))
