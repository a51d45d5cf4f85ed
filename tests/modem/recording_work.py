"""The gateway above a port, replaced by lists in memory, and short time limits for ports."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Event, Lock

from modem.parts import InDoubt, Place, Refused, StoredState, Submission, Submitted
from modem.port.interface import (
    Claim,
    Kept,
    Outcome,
    Reported,
    Rest,
    Storage,
    Switch,
    Unreadable,
    WorkUnavailableError,
)
from modem.port.status import PortState, PortStatus
from modem.sms.segmentation import Segment, segment
from modem.sms.tpdu import Deliver, StatusReport
from modem.timeouts import ChannelTimeouts, CommandTimeouts, Timing, UssdTimeouts

FAST = Timing(
    look_s=0.05,
    refused_s=0.1,
    reopen_s=0.02,
    reset_s=0.05,
    rests_s=(0.05, 0.1),
    away_s=(0.3, 0.5),
    command_s=0.5,
    refresh_s=0.3,
    search_s=0.05,
    sim_s=0.1,
    sim_look_s=0.05,
    registration_look_s=0.02,
    hang_up_s=0.05,
    list_s=0.3,
    ask_s=0.5,
    channel=ChannelTimeouts(
        prompt_s=0.3,
        result_s=0.2,
        write_s=2.0,
        quiet_s=0.008,
        flood_s=0.2,
        escape_s=0.008,
        sync_s=0.1,
        clean_s=0.008,
        head_s=0.5,
        text_s=0.3,
    ),
    commands=CommandTimeouts(
        command_s=0.3,
        sim_s=0.5,
        function_s=0.5,
        list_s=1.0,
        busy_s=1.0,
        again_s=0.02,
        slot_s=0.5,
        mute_s=0.03,
        appear_s=0.1,
        ussd=UssdTimeouts(answer_s=0.6, result_s=0.1, setting_s=0.3, late_s=0.15, cancel_s=0.03),
    ),
)


class RecordingWork:
    """Gives out the orders that a test queued, and records every call of the port."""

    def __init__(self, *orders: Submission | Switch) -> None:
        self.orders: deque[Submission | Switch] = deque(orders)
        self.outcomes: list[Outcome] = []
        self.statuses: list[PortStatus] = []
        self.texts: list[Deliver | Unreadable] = []
        self.deletions: list[Deliver] = []  # texts without a date that were deleted
        self.reports: list[StatusReport] = []
        self.reports_with_outcomes = 0
        self.refused_pins: list[tuple[str, int, str]] = []
        self.claims: list[PortStatus] = []
        self.places: list[Place | None] = []  # of the parts that were written to the modem
        self.lessons: list[Storage] = []
        self.kept: list[Kept] = []  # parts in the modem's memory
        self.stored_states: list[StoredState] = []
        self.late: list[int | None] = []
        self.recoveries: list[tuple[Claim, Submitted | Refused]] = []
        self.busy = 0.0
        self.refusals = 0  # calls that raised WorkUnavailableError
        self.full = Event()  # set: the disk is full, and nothing can be stored
        self._lock = Lock()

    def give(self, *orders: Submission | Switch) -> None:
        """Queue more orders. Wake the port after that."""
        self.orders.extend(orders)

    @property
    def results(self) -> list[Submitted | Refused | InDoubt]:
        """The results of the parts, in order."""
        return [outcome.result for outcome in self.outcomes]

    @property
    def state(self) -> PortState | None:
        """The port's newest state."""
        return self.statuses[-1].state if self.statuses else None

    def status(self, status: PortStatus) -> None:
        self.statuses.append(status)

    def next(
        self, status: PortStatus, outcome: Outcome | None, reports: Sequence[Reported] = ()
    ) -> Submission | Switch | Rest:
        self._keep()
        if outcome is not None:
            self.outcomes.append(outcome)
        self.reports += [each.report for each in reports]
        self.reports_with_outcomes += len(reports)
        if status.state is not PortState.UP:
            return Rest()
        self.claims.append(status)
        if not self.orders:
            return Rest()
        if isinstance(self.orders[0], Submission) and not status.active.registration.carries_sms:
            return Rest()
        return self.orders.popleft()

    def received(self, status: PortStatus, text: Deliver | Unreadable) -> None:
        self._keep()
        self.texts.append(text)

    def deleted(self, status: PortStatus, text: Deliver) -> None:
        self._keep()
        self.deletions.append(text)

    def reported(self, status: PortStatus, report: StatusReport) -> None:
        self._keep()
        self.reports.append(report)

    def stored(self, status: PortStatus, submission: Submission, place: Place | None) -> None:
        self._keep()
        self.places.append(place)

    def learned(self, status: PortStatus, storage: Storage) -> None:
        self._keep()
        self.lessons.append(storage)

    def in_memory(self, status: PortStatus) -> tuple[Kept, ...]:
        self._keep()
        return tuple(self.kept)

    def found(self, status: PortStatus, kept: Kept, stored_state: StoredState) -> None:
        self._keep()
        self.stored_states.append(stored_state)

    def emptied(self, status: PortStatus, kept: Kept) -> None:
        self._keep()
        self.kept.remove(kept)

    def busy_s(self, port: int) -> float:
        return self.busy

    def told_late(self, status: PortStatus, reference: int | None) -> None:
        self._keep()
        self.late.append(reference)

    def recovered(self, status: PortStatus, claim: Claim, result: Submitted | Refused) -> None:
        self._keep()
        self.recoveries.append((claim, result))

    def try_pin(self, iccid: str, port: int, pin: str, attempts_left: int | None) -> bool:
        del attempts_left
        self._keep()
        return (iccid, port, pin) not in self.refused_pins

    def pin_tried(self, iccid: str, port: int, pin: str, *, accepted: bool) -> None:
        self._keep()
        if not accepted:
            self.refused_pins.append((iccid, port, pin))

    def _keep(self) -> None:
        if self.full.is_set():
            self.refusals += 1
            raise WorkUnavailableError("no space left on device")


def part(number: int = 1, text: str = "Bonjour", recipient: str = "+22370123456") -> Submission:
    """Return a part to be submitted."""
    only: Segment = segment(text)[0]
    return Submission(
        message_id=number,
        seq=1,
        total=1,
        token=number,
        recipient=recipient,
        segment=only,
        reference=number % 256,
    )
