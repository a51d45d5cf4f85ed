"""The thread that keeps one port working and carries its jobs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from config.settings import PortSettings
from modem.at import ChannelError, DeviceGoneError
from modem.desk import Desk, StoppingError, UssdOrder
from modem.serial_port import DeviceUnavailableError, SerialPort, open_device
from modem.session import Session, SickError, Timing
from modem.transcript import Watcher
from modem.ussd import UssdAnswer
from modem.work import Answer, PortState, PortStatus, SlotStatus, Work

log = logging.getLogger(__name__)


class Port:
    """One serial device, the modem on it, and the thread that owns both.

    The thread calls `work`, and nothing else touches the device. A device that is not there is looked for until it
    comes; a modem that fails is brought back in steps: resync, reopen, restart, rest.
    """

    def __init__(
        self,
        settings: PortSettings,
        work: Work,
        *,
        submit_timeout_s: float,
        timing: Timing | None = None,
        transcript_lines: int = 200,
    ) -> None:
        self.settings = settings
        self._work = work
        self._submit_timeout_s = submit_timeout_s
        self._timing = timing or Timing()
        self._transcript_lines = transcript_lines
        self._desk: Desk | None = None
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
        self._desk = Desk(status, self._work, self._transcript_lines)
        self._thread = threading.Thread(
            target=self._run, args=(self._desk,), name=f"port {self.settings.port}", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """Say from any thread that there may be work."""
        if self._desk is not None:
            self._desk.wake()

    def ask(self) -> Future[Answer]:
        """From any thread: does the modem say OK? Answered by its last word while a submission is in the air."""
        if self._desk is None:
            raise RuntimeError("the port was not started")
        answer = self._desk.ask()
        if self._ended.is_set():
            self._desk.refuse()
        return answer

    def ussd(self, code: str, replies: Sequence[str] = (), slot: int | None = None) -> Future[UssdAnswer]:
        """From any thread: ask the network, between two submissions; `replies` go to its menus, in the same session.

        `slot`: whose SIM asks, by default the active one's. The future can be cancelled until it is begun, and raises
        UssdError. Once begun it ends in bounded time: about half a minute for each code, two more to change the slot.
        """
        if self._desk is None:
            raise RuntimeError("the port was not started")
        order = UssdOrder((code, *replies), slot)
        self._desk.ussd(order)
        if self._ended.is_set():
            self._desk.refuse()
        return order.answer

    def watch(self, watcher: Watcher) -> None:
        """From any thread: pass on to `watcher` what is said to and by the modem, from what is kept until `leave`."""
        if self._desk is None:
            raise RuntimeError("the port was not started")
        self._desk.watch(watcher)
        if self._ended.is_set():
            self._desk.refuse()

    def leave(self, watcher: Watcher) -> None:
        """From any thread: pass on nothing more to `watcher`."""
        if self._desk is not None:
            self._desk.leave(watcher)

    def stop(self) -> None:
        """From any thread: finish the part in the air and begin nothing new."""
        if self._desk is not None:
            self._desk.stop()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end. False: still in the air at the deadline."""
        if self._thread is None or self._desk is None:
            return True
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._desk.close()
        return True

    # The thread

    def _run(self, desk: Desk) -> None:
        trouble = 0  # lives of the connection in a row that ended badly
        try:
            while True:
                trouble = self._live(desk, trouble)
        except StoppingError:
            pass
        finally:
            self._end(desk)

    def _live(self, desk: Desk, trouble: int) -> int:
        """One life of the connection, and the pause after it. How many in a row ended badly. Raises StoppingError."""
        device: SerialPort | None = None
        session: Session | None = None
        try:
            device = open_device(self.settings.device, self.settings.baud, rtscts=self.settings.rtscts)
            session = Session(self.settings, desk, device.fd, self._submit_timeout_s, self._timing)
            session.run()
        except DeviceUnavailableError as error:
            state, detail, pause_s = PortState.ABSENT, str(error), self._timing.look_s
        except DeviceGoneError as error:
            log.warning("port %d: %s", self.settings.port, error)
            state, detail = (
                PortState.ABSENT,
                f"{self.settings.device} was lost: is the modem plugged in and powered?",
            )
            pause_s = self._timing.look_s
        except StoppingError:
            raise
        except Exception as error:  # the top of the thread: whatever fails, the port goes on
            trouble = 1 if session is not None and session.proven else trouble + 1
            if not isinstance(error, (ChannelError, SickError)):
                log.exception("port %d: an unexpected failure", self.settings.port)
                error = SickError("the gateway itself failed on this port, see its log")
            state, (detail, pause_s) = PortState.SICK, self._next_rung(trouble, session, error)
        finally:
            if device is not None:
                device.close()
        if session is not None:
            self._tell_last_words(desk)
        desk.answering = False
        desk.in_the_air = False
        desk.publish(state=state, detail=detail, busy=False)
        desk.sleep(pause_s)
        return trouble

    def _next_rung(self, trouble: int, session: Session | None, error: Exception) -> tuple[str, float]:
        """What is done about trouble, and how long that takes: reopen, then restart the modem, then rest as well."""
        timing = self._timing
        if trouble == 1 or session is None:
            step, pause_s = "it is opened anew", timing.reopen_s
        else:
            session.restart_modem()
            step, pause_s = "it is restarted", timing.reset_s
            if trouble > 2:
                rest_s = timing.rests_s[min(trouble - 3, len(timing.rests_s) - 1)]
                step, pause_s = f"it is restarted and rests for {rest_s:g} s", timing.reset_s + rest_s
        log.warning("port %d: %s (%d in a row); %s", self.settings.port, error, trouble, step)
        return f"The modem is in trouble: {error}; {step}.", pause_s

    def _tell_last_words(self, desk: Desk) -> None:
        """Write what was said before a failure to the log: once, and no more than is kept."""
        lines = desk.transcript.news()
        if lines and log.isEnabledFor(logging.WARNING):
            words = "\n".join(map(str, lines))
            log.warning("port %d: what was said before it failed:\n%s", self.settings.port, words)

    def _end(self, desk: Desk) -> None:
        """Settle what was sent last, and answer whoever still asks."""
        try:
            desk.publish(state=PortState.STOPPED, detail="The port was stopped.", busy=False)
            if desk.outcome is not None:
                desk.settle()
            if desk.outcome is not None:
                log.error("port %d: what became of the last message could not be kept", self.settings.port)
        finally:
            self._ended.set()
            desk.transcript.end()
            for ask in desk.asks:
                ask.cancel()
            desk.refuse_ussd()
            desk.refuse()
