"""The thread that keeps one port working and carries its jobs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from time import monotonic

from config.settings import PortSettings
from modem.at.serial_port import SerialPort, open_device
from modem.at.transcript import Watcher
from modem.at.transport import ChannelError, DeviceGoneError
from modem.driver.ussd import UssdAnswer
from modem.errors import NO_PROMPT, cause
from modem.hardware.device_path import DeviceUnavailableError, find_device
from modem.hardware.sysfs import MACHINE, Roots, tty_at
from modem.parts import InDoubt, Refused
from modem.port import reset_command
from modem.port.held_line import LineKeeper, NoKeeper, adopt, unread
from modem.port.interface import Work
from modem.port.mailbox import Mailbox, StoppingError, UssdOrder
from modem.port.network_search import RestartNeededError
from modem.port.recovery import Recovery
from modem.port.session import Session, SickError
from modem.port.status import Answer, PortState, PortStatus, SlotStatus
from modem.port.submission_note import Phase, SubmissionNote
from modem.timeouts import Timing

log = logging.getLogger(__name__)


class Port:
    """One serial device, the modem on it, and the thread that owns both.

    The thread calls `work`, and nothing else touches the device. A device that is not there is looked for until it
    comes; a modem that fails is brought back in steps (see `modem.port.recovery`).
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
        keeper: LineKeeper | None = None,
    ) -> None:
        """`keeper`: keeps the line while the process is away; by default the line ends with the process."""
        self.settings = settings
        self._stored_submissions = keeper or NoKeeper()
        self._line: int | None = None  # that an older process left, until the device is found
        self._work = work
        self._submit_timeout_s = submit_timeout_s
        self._timing = timing or Timing()
        self._transcript_lines = transcript_lines
        self._roots = roots
        self._path = ""  # what `device` meant when it was last opened
        self._mailbox: Mailbox | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin: open the device as soon as it is there. Once only."""
        slots = tuple(SlotStatus(slot) for slot in range(1, self.settings.slots + 1))
        status = PortStatus(
            port=self.settings.port,
            device=self.settings.device,
            state=PortState.ABSENT,
            detail="The device was not looked for yet.",
            slots=slots,
            active_slot=1,
        )
        self._mailbox = Mailbox(status, self._work, self._transcript_lines)
        self._thread = threading.Thread(
            target=self._run, args=(self._mailbox,), name=f"port {self.settings.port}", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """Say from any thread that there may be work."""
        if self._mailbox is not None:
            self._mailbox.wake()

    def ask(self) -> Future[Answer]:
        """From any thread: does the modem say OK? Answered by its last word while a submission is in the air."""
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        answer = self._mailbox.ask()
        if self._ended.is_set():
            self._mailbox.refuse()
        return answer

    def probe(self, answered: Callable[[], None]) -> None:
        """From any thread: have `answered` called by the port's own, to see that it lives. It need not hear its modem."""
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        self._mailbox.probe(answered)

    def ussd(self, code: str, replies: Sequence[str] = (), slot: int | None = None) -> Future[UssdAnswer]:
        """From any thread: ask the network, between two submissions; `replies` go to its menus, in the same session.

        `slot`: whose SIM asks, by default the active one's. The future can be cancelled until it is begun, and raises
        UssdError. Once begun it ends in bounded time: about half a minute for each code, two more to change the slot.
        """
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        order = UssdOrder((code, *replies), slot)
        self._mailbox.ussd(order)
        if self._ended.is_set():
            self._mailbox.refuse()
        return order.answer

    def watch(self, watcher: Watcher) -> None:
        """From any thread: pass on to `watcher` what is said to and by the modem, from what is kept until `leave`."""
        if self._mailbox is None:
            raise RuntimeError("the port was not started")
        self._mailbox.watch(watcher)
        if self._ended.is_set():
            self._mailbox.refuse()

    def leave(self, watcher: Watcher) -> None:
        """From any thread: pass on nothing more to `watcher`."""
        if self._mailbox is not None:
            self._mailbox.leave(watcher)

    def stop(self) -> None:
        """From any thread: finish the part in the air and begin nothing new."""
        if self._mailbox is not None:
            self._mailbox.stop()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end. False: still in the air at the deadline."""
        if self._thread is None or self._mailbox is None:
            return True
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._mailbox.close()
        return True

    # The thread

    def _run(self, mailbox: Mailbox) -> None:
        recovery = Recovery(self._timing, has_command=self.settings.reset_command is not None)
        try:
            self._take_over(mailbox)
            while True:
                try:
                    self._live(mailbox, recovery)
                except StoppingError:
                    raise
                except Exception:  # the house fails whatever it is told: the port goes on without it
                    log.exception("port %d: the gateway does not take what it is told", self.settings.port)
                    mailbox.sleep(recovery.sick(proven=False).pause_s, settling=False)
        except StoppingError:
            pass
        finally:
            self._end(mailbox)

    def _live(self, mailbox: Mailbox, recovery: Recovery) -> None:
        """One life of the connection, and what is done after it. Raises StoppingError."""
        device: SerialPort | None = None
        session: Session | None = None
        try:
            device, kept = self._open()
            session = Session(
                self.settings,
                mailbox,
                device.fd,
                self._submit_timeout_s,
                self._timing,
                partial(tty_at, self._path, self._roots),
                kept,
            )
            session.run()
        except DeviceUnavailableError as error:
            state, detail = PortState.ABSENT, str(error)
            step = recovery.away(monotonic()) if error.missing else recovery.refused()
        except DeviceGoneError as error:
            step = recovery.lost(
                monotonic(),
                young=session is None or not session.came_up,
                carrying=mailbox.outcome is not None and isinstance(mailbox.outcome.result, InDoubt),
                proven=session is not None and session.proven,
            )
            log.warning("port %d: %s; %s", self.settings.port, error, step.words)
            state, detail = (
                PortState.ABSENT,
                f"{self.settings.device} was lost: is the modem plugged in, and its power supply strong enough?",
            )
        except RestartNeededError as error:
            step = recovery.restart()
            log.warning("port %d: %s; %s", self.settings.port, error, step.words)
            if session is not None:
                session.restart_modem()
            state, detail = PortState.SICK, f"The modem has signal but no network; {step.words}."
        except StoppingError:
            raise
        except Exception as error:  # the top of the thread: whatever fails, the port goes on
            step = recovery.sick(proven=session is not None and session.proven)
            if not isinstance(error, (ChannelError, SickError)):
                log.exception("port %d: an unexpected failure", self.settings.port)
                error = SickError("the gateway itself failed on this port, see its log")
            log.warning(
                "port %d: %s (%d in a row); %s", self.settings.port, error, recovery.troubles, step.words
            )
            if step.restart and session is not None:
                session.restart_modem()
            state, detail = PortState.SICK, f"The modem is in trouble: {error}; {step.words}."
        finally:
            if device is not None:
                self._close(device, mailbox)
        if session is not None:
            self._tell_last_words(mailbox)
        mailbox.answering = False
        mailbox.in_the_air = False
        mailbox.publish(state=state, detail=detail, busy=False)
        if step.command:
            self._run_reset_command(mailbox)
        mailbox.sleep(step.pause_s)

    def _take_over(self, mailbox: Mailbox) -> None:
        """Take what an older process left, and settle what it tells of the part that was in the air."""
        if not self._stored_submissions.keeps:
            return
        port = self.settings.port
        held = self._stored_submissions.take(port)
        self._line = held.line
        try:
            fd = SubmissionNote.create() if held.note is None else held.note
            mailbox.note = SubmissionNote(fd)
            if held.note is None:
                self._stored_submissions.keep_note(port, fd)
            os.close(fd)
        except (OSError, ValueError) as error:
            log.warning("port %d: no note is kept of what is in the air: %s", port, error)
            return
        noted = mailbox.note.read()
        if noted is None:
            return
        if noted.result is not None:
            mailbox.recover(noted.claim, noted.result)
        elif noted.phase is Phase.BEGUN:
            mailbox.recover(noted.claim, Refused(cause("LOCAL", NO_PROMPT)))
        else:
            mailbox.left = noted

    def _open(self) -> tuple[SerialPort, int | None]:
        """Find the device anew and open it, or go on with the line that an older process left on it: then with how many
        octets were not read of it. Raises DeviceUnavailableError.
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
                log.info("port %d: the line stayed open, %d octets came meanwhile", settings.port, count)
                return device, count
            log.info("port %d: the line that was kept open is no longer %s", settings.port, path)
            SerialPort(line).close()
            self._stored_submissions.drop_line(settings.port)
        device = open_device(path, settings.baud, rtscts=settings.rtscts, proc=self._roots.proc)
        self._stored_submissions.keep_line(settings.port, path, device.fd)
        return device, None

    def _close(self, device: SerialPort, mailbox: Mailbox) -> None:
        """Close the line; where the port only stops, it is kept open for the next process."""
        if mailbox.stopping and self._stored_submissions.keeps:
            device.leave()
        else:
            self._stored_submissions.drop_line(self.settings.port)
            device.close()

    def _run_reset_command(self, mailbox: Mailbox) -> None:
        """Run the operator's own program for a modem that nothing else helps. Raises StoppingError."""
        port, program = self.settings.port, self.settings.reset_command or ()
        log.warning("port %d: reset_command is run", port)
        if mailbox.outcome is not None:
            mailbox.settle()  # nobody is to wait for the program to hear what became of a message
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

    def _tell_last_words(self, mailbox: Mailbox) -> None:
        """Write what was said before a failure to the log: once, and no more than is kept."""
        lines = mailbox.transcript.new_lines()
        if lines and log.isEnabledFor(logging.WARNING):
            words = "\n".join(map(str, lines))
            log.warning("port %d: what was said before it failed:\n%s", self.settings.port, words)

    def _end(self, mailbox: Mailbox) -> None:
        """Settle what was sent last, and answer whoever still asks."""
        try:
            mailbox.publish(state=PortState.STOPPED, detail="The port was stopped.", busy=False)
            if mailbox.outcome is not None:
                mailbox.settle()
            if mailbox.outcome is not None:
                log.error("port %d: what became of the last message could not be kept", self.settings.port)
        finally:
            self._ended.set()
            if self._line is not None:  # the device was not found since the start
                os.close(self._line)
            if mailbox.note is not None:
                mailbox.note.close()
            mailbox.transcript.end()
            for ask in mailbox.asks:
                ask.cancel()
            mailbox.refuse_ussd()
            mailbox.refuse()
