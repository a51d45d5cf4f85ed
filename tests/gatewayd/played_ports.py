"""A gateway on a real store with simulated ports: the test publishes their statuses and outcomes, and gets their next steps."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.settings import (
    DispatchSettings,
    InboxSettings,
    NumberSettings,
    PortSettings,
    Settings,
    StoreSettings,
    WebhookSettings,
)
from gatewayd.admin.context import Context
from gatewayd.gateway import Gateway
from gatewayd.records import AttemptRecord, Caller, Draft, MessageRecord, Options, Priority
from gatewayd.sims.numbering import Numbering
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts
from gatewayd.timekeeping.clock import Calendar, Clock, Moment
from gatewayd.webhooks.poster import Way
from modem.at.transcript import Recording, Watcher
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.driver.ussd import UssdAnswer
from modem.errors import Cause, Kind
from modem.parts import InDoubt, Refused, Submission, Submitted
from modem.port.interface import Outcome, Reported, Rest, Switch
from modem.port.status import Answer, PortState, PortStatus, SlotStatus
from modem.sms.tpdu import StatusReport
from tests.conftest import eventually
from tests.gatewayd.empty_database import write_empty_database

RECIPIENT = "+22370123456"
# The ICCIDs of three SIM cards.
A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"


class PlayedPort:
    """A port that counts how often the gateway wakes it; the test sets its answer."""

    def __init__(self) -> None:
        self.wakes = 0
        self.answer: Future[Answer] = Future()

    def wake(self) -> None:
        self.wakes += 1

    def ask(self) -> Future[Answer]:
        return self.answer

    def watch(self, watcher: Watcher) -> None:
        raise NotImplementedError

    def leave(self, watcher: Watcher) -> None:
        raise NotImplementedError

    def recall(self) -> Future[Recording]:
        raise NotImplementedError

    def ussd(self, code: str, replies: Sequence[str] = (), slot: int | None = None) -> Future[UssdAnswer]:
        raise NotImplementedError


class SteppedClock(Clock):
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = 1_800_000_000_000_000
        self.passed = 1000.0
        self.trusted = True

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.passed

    def moment(self, calendar: Calendar) -> Moment:
        return replace(super().moment(calendar), trusted=self.trusted)


class PlayedGateway:
    """The gateway, its store and its clock. `dispatch`: settings of the section [dispatch]."""

    def __init__(
        self,
        path: Path,
        ports: int = 2,
        plan: str = "guide",
        *,
        inbox: InboxSettings | None = None,
        webhooks: WebhookSettings | None = None,
        webhook_way: Way | None = None,
        **dispatch: Any,
    ) -> None:
        self.settings = Settings(
            store=StoreSettings(path=path / "gatewayd.db"),
            numbers=NumberSettings(plan=plan),
            dispatch=DispatchSettings(**dispatch),
            inbox=inbox or InboxSettings(),
            webhooks=webhooks or WebhookSettings(),
            ports=tuple(PortSettings(port=port, device=f"/dev/tty{port}") for port in range(1, ports + 1)),
        )
        self.clock = SteppedClock()
        self.webhook_way = webhook_way
        self.ports = {number: PlayedPort() for number in range(1, ports + 1)}
        self.statuses: dict[int, PortStatus] = {}
        path.mkdir(exist_ok=True)
        write_empty_database(self.settings.store.path)
        self.open()
        self.company = self.store.write(lambda db: accounts.add_company(db, "Test", None, 0))
        self.caller = Caller(0, self.company, admin=False)

    def open(self) -> None:
        self.store = Store(self.settings.store.path)
        self.store.open()
        self.gateway = Gateway(self.settings, self.store, self.clock, self.webhook_way)
        self.gateway.start(self.ports)

    def close(self) -> None:
        self.gateway.stop(1)
        self.store.close()

    def restart(self) -> None:
        """Restart the gateway as after a crash: only the data in the store remain."""
        self.close()
        self.open()

    def up(
        self, port: int, *iccids: str, active: int = 1, registration: Registration = Registration.HOME
    ) -> None:
        """A port reports that its modem works, with these SIMs in its slots."""
        slots = tuple(
            SlotStatus(n, SimState.READY, iccid, number=f"+2237000{iccid[-4:]}", registration=registration)
            for n, iccid in enumerate(iccids, 1)
        )
        self.set_status(PortStatus(port, f"/dev/tty{port}", PortState.UP, "", slots, active))

    def down(self, port: int) -> None:
        """A port reports that its device is absent."""
        self.set_status(replace(self.statuses[port], state=PortState.ABSENT))

    def set_status(self, status: PortStatus) -> None:
        """A port publishes its status."""
        self.statuses[status.port] = status
        self.gateway.dispatcher.status(status)

    def sim(self, iccid: str) -> int:
        with self.store.readers.lend() as db:
            sim_id: int = db.execute("SELECT id FROM sims WHERE iccid = ?", (iccid,)).fetchone()[0]
        return sim_id

    def set_sim(self, iccid: str, **changes: object) -> None:
        sim_id = self.sim(iccid)
        assert self.store.write(lambda db: accounts.update(db, "sims", sim_id, changes))

    def send(
        self,
        text: str = "hello",
        recipient: str = RECIPIENT,
        sim: int | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> str:
        options = Options(sim_id=sim, priority=priority)
        view, _ = self.gateway.submit(self.caller, Draft(recipient, text), options, None, 0)
        assert isinstance(view, MessageRecord)
        return view.sms_id

    def next(
        self, port: int, outcome: Outcome | None = None, reports: Sequence[Reported] = ()
    ) -> Submission | Switch | Rest:
        return self.gateway.dispatcher.next(self.statuses[port], outcome, reports)

    def claim(self, port: int) -> Submission:
        step = self.next(port)
        assert isinstance(step, Submission), step
        return step

    def settle(
        self, port: int, submission: Submission, result: Submitted | Refused | InDoubt
    ) -> Submission | Switch | Rest:
        return self.next(port, Outcome(submission, result, self.clock.passed, self.clock.passed))

    def view(self, sms_id: str) -> MessageRecord:
        return self.gateway.status(self.caller, sms_id)

    def row(self, sql: str, *values: object) -> Any:
        with self.store.readers.lend() as db:
            return db.execute(sql, values).fetchone()


def refused(kind: Kind, code: int | None = 38, family: str = "CMS") -> Refused:
    """A refusal of this kind."""
    return Refused(Cause(family, code, kind, "The network is out of order", "Le réseau est en panne"))


def report(
    played: PlayedGateway, reference: int, status: int = 0, recipient: str = RECIPIENT, late_s: float = 0
) -> StatusReport:
    """A status report with the TP-SCTS of now plus `late_s`."""
    stamp = datetime.fromtimestamp(played.clock.at / 1e6, UTC) + timedelta(seconds=late_s)
    return StatusReport("", reference, recipient, stamp, stamp, status)


def reported(played: PlayedGateway, port: int, status_report: StatusReport) -> None:
    """A port passes on a status report."""
    played.gateway.dispatcher.reported(played.statuses[port], status_report)


def report_on(played: PlayedGateway, port: int, reference: int, status: int = 0, late_s: int = 0) -> None:
    """A port passes on a status report with this TP-MR."""
    reported(played, port, report(played, reference, status, late_s=late_s))


def attempts(played: PlayedGateway, sms_id: str) -> list[AttemptRecord]:
    """The attempts of a message, oldest first."""
    return played.gateway.history(played.caller, sms_id)[1]


def claim_after_backoff(played: PlayedGateway, port: int) -> Submission:
    """The next submission of a port, after the back-off."""
    found = eventually(lambda: step if isinstance(step := played.next(port), Submission) else None)
    assert isinstance(found, Submission)
    return found


def send_many(played: PlayedGateway, count: int) -> None:
    """Send messages with the texts 0, 1, 2, … in one request."""
    drafts = [Draft(RECIPIENT, f"{n}") for n in range(count)]
    played.gateway.submit_bulk(played.caller, drafts, Options(), None)


def used_quota(played: PlayedGateway) -> int:
    """The parts that count towards the quota of the company."""
    count: int = played.row("SELECT sum(used) FROM company_usage")[0]
    return count


def commits(played: PlayedGateway) -> int:
    """How many transactions the store has committed."""
    count: int = played.store.commit_times.histograms()[""].buckets[-1][1]
    return count


def administration_context(played: PlayedGateway, *, daemon: bool = True) -> Context:
    """The context of administration commands, with or without a running daemon."""
    return Context(
        played.store,
        played.clock,
        Calendar(played.settings.numbers.zone),
        Numbering(played.settings.numbers),
        played.gateway if daemon else None,
    )
