"""A fleet under steady load, whose boxes, network, clocks and PostgreSQL fail at random."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import cli_json
from tests.fleet.databases import PASSWORD, ROLE
from tests.torture.fleet.beats import Beats
from tests.torture.fleet.client import Clients
from tests.torture.fleet.disturbances import DISTURBANCES, Disturbance
from tests.torture.fleet.fleet_box import FleetBox
from tests.torture.fleet.plan import Kind, Plan, steps
from tests.torture.fleet.verdict import Away, Evidence, HandOver, Known, Verdict, judge
from tests.torture.fleet.wrong_clock import WrongClock
from tools.postgres_folder import PostgresFolder

DATABASE = "fleet"
CATCH_UP_S = 180.0  # only a failure reaches it
ASKED_EVERY_S = 5.0
LEAST_ACCEPTED = 3  # messages for each failure
TOLERANCE_S = 1.0  # from the check of a lease to the octets at the modem, on a machine that does much else


@dataclass
class Report:
    """The findings of a run."""

    verdict: Verdict
    done: Counter[Kind]
    answers: Counter[str]
    seconds: float
    notes: list[str]


class Torture:
    """One run, in a folder of its own."""

    def __init__(self, path: Path, plan: Plan, say: Callable[[str], None] = print) -> None:
        path.chmod(0o755)  # the user of PostgreSQL passes through
        self.path = path
        self.plan = plan
        self.done: Counter[Kind] = Counter()
        self.away: list[Away] = []
        self.frozen: list[Away] = []
        self.forgotten: set[str] = set()
        self.broken: list[str] = []
        self.notes: list[str] = []
        self._doubts: set[tuple[str, int]] = set()  # recipient and time
        self._began = time.monotonic()
        self._ended_at = [0.0] * plan.boxes  # when the last failure of each box ended
        self._say = say
        self._log = (path / "run.log").open("a", encoding="utf-8")
        self.postgres_clock = WrongClock(path)
        self.postgres_hour = 0
        self.server = PostgresFolder(
            path / "postgres", fsync=False, temporary=False, settings={"max_connections": 60}
        )
        self.server.environment = self.postgres_clock.absolute_environment
        self.boxes = [
            FleetBox(path / f"box-{n}", n, plan, self.server.port) for n in range(1, plan.boxes + 1)
        ]
        self.clients: Clients | None = None
        self._asked: dict[str, list[float]] = {}
        self._asked_at = 0.0
        self.beats = Beats(self.server.dsn(dbname=DATABASE), plan.times.beat_s * 3 + 1.0)

    # For disturbances

    def say(self, what: str) -> None:
        """A line for the person who looks on, and for the log of the run."""
        line = f"{time.monotonic() - self._began:7.1f} s  {what}"
        self._say(line)
        print(f"{time.time():.3f} {time.monotonic():.3f} {line}", file=self._log, flush=True)

    def set_postgres_clock(self, hours: int) -> None:
        """Step the clock of PostgreSQL: it is right, or wrong by an hour."""
        self.postgres_hour = 0 if self.postgres_hour else hours
        self.postgres_clock.set(self.postgres_hour * 3600)

    def works(self, box: FleetBox) -> bool:
        """Whether a box has a lease, and has had one since its last failure."""
        return self.beats.work(box.name, self._ended_at[box.number - 1])

    def note_away(self, box: FleetBox, begin: float, end: float) -> None:
        """A box could not reach PostgreSQL."""
        self.away.append(Away(box.name, begin, end))

    def note_frozen(self, box: FleetBox, begin: float, end: float) -> None:
        """A daemon was stopped; it may hand over right after the end what it had checked before."""
        self.frozen.append(Away(box.name, begin, end + TOLERANCE_S))

    def gather_doubts(self) -> None:
        """Note the doubts of which PostgreSQL knows: a restored one forgets some."""
        rows = self.server.psql(
            "SELECT m.recipient, e.at FROM gatewayd.events e JOIN gatewayd.messages m ON m.id = e.message_id"
            " WHERE e.type = 5;",  # message.in_doubt
            DATABASE,
        )
        for line in rows.splitlines():
            recipient, at = line.split("|")
            self._doubts.add((recipient, int(at)))

    # The run

    def run(self) -> Report:
        """Do the whole run."""
        began = time.monotonic()
        try:
            self._set_up()
            self.say(f"{len(self.boxes)} boxes send")
            self._disturb()
            self._calm()
            self._settle()
            verdict = judge(self._evidence())
            if verdict.accepted < self.done.total() * LEAST_ACCEPTED:
                verdict.broken.append(
                    f"{verdict.accepted} messages were accepted during {self.done.total()} failures: they prove nothing"
                )
        finally:
            self._tear_down()
        assert self.clients is not None
        verdict.broken += self.broken + self.clients.unexpected
        verdict.broken += [f"{box.name}: {line}" for box in self.boxes for line in box.tracebacks]
        return Report(verdict, self.done, self.clients.answers, time.monotonic() - began, self.notes)

    def _set_up(self) -> None:
        self.say("PostgreSQL starts")
        self.server.start()
        self.server.create_role(ROLE, PASSWORD)
        self.server.create_database(DATABASE, ROLE)
        first = self.boxes[0]
        for box in self.boxes:
            box.start_bank()
        self.say("the boxes join")
        # The first box brings the company and the key of the clients.
        company = first.box.cli("company", "add", "Test")["id"]
        headers = {"X-API-Key": first.box.cli("key", "add", "--company", company)["key"]}
        password = self.path / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        password.chmod(0o600)
        cli_json(
            first.box.config,
            *("fleet", "init", self.server.dsn(dbname=DATABASE), "--role", ROLE),
            *("--password-file", str(password), "--times", self.plan.times.option),
        )
        for box in self.boxes:
            dsn = f"host=127.0.0.1 port={box.proxy.port} user={ROLE} dbname={DATABASE}"
            cli_json(
                box.box.config,
                *("fleet", "join", dsn, "--name", box.name, "--password-file", str(password), "--yes"),
            )
            box.box.headers = headers
        self.say("the daemons start")
        for box in self.boxes:
            box.start()
        for box in self.boxes:
            self._until(box.box.answers, f"{box.name} answers")
        self.beats.start()
        for box in self.boxes:
            self._until(box.can_send, f"the SIMs of {box.name} can send")
        self.clients = Clients(
            [box.box.api for box in self.boxes], headers, self.plan.seed, self.plan.pause_s
        )
        self.clients.start()

    def _disturb(self) -> None:
        """Begin one disturbance after the other, some at the same time, and end each after its time."""
        plan = self.plan
        until = None if plan.minutes is None else time.monotonic() + plan.minutes * 60
        to_come = steps(plan)
        active: list[Disturbance] = []
        for step in to_come:
            disturbance = DISTURBANCES[step.kind](self, step)
            while len(active) >= plan.at_once or any(each.excludes(disturbance) for each in active):
                self._pass(active, 0.05)
            deadline = time.monotonic() + CATCH_UP_S
            while not disturbance.finds_all_well() and time.monotonic() < deadline:
                self._pass(active, 0.05)
            if time.monotonic() >= deadline:
                self.broken.append(f"not well again within {CATCH_UP_S:.0f} s, before {step}")
            self._pass(active, step.pause_s)
            if until is not None and time.monotonic() > until:
                break
            self.say(str(step))
            disturbance.begin()
            active.append(disturbance)
        while active:
            self._pass(active, 0.05)

    def _pass(self, active: list[Disturbance], seconds: float) -> None:
        """Let time go by, and end the disturbances whose time is over."""
        end = time.monotonic() + seconds
        while True:
            self._ask_modems()
            for each in [each for each in active if each.is_over()]:
                active.remove(each)
                each.end()
                self.done[each.step.kind] += each.happened
                self._ended_at[each.step.box] = time.monotonic()
                self.say(f"{each.step.number:3}. over")
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.05))

    def _ask_modems(self) -> None:
        """Note now and then when modems were handed parts: a bank remembers only so many."""
        if time.monotonic() > self._asked_at + ASKED_EVERY_S:
            self._asked_at = time.monotonic()
            for box in self.boxes:
                self._asked.setdefault(box.name, []).extend(box.asked())

    def _calm(self) -> None:
        """Everything works again, and no client begins anything."""
        assert self.clients is not None
        for box in self.boxes:
            box.proxy.heal()
            box.thaw()
            if not box.running:
                box.start()
        self.clients.stop()
        self.say(f"the clients have stopped: {len(self.clients.accepted)} messages were accepted")

    def _settle(self) -> None:
        """Wait until nothing is left but doubts, as long as there is progress."""
        before, progress = "", time.monotonic()
        while time.monotonic() < progress + self.plan.stuck_s:
            # Of several parts, a doubt is held where another part was begun, whatever the policy is.
            left = self.server.psql(
                "SELECT state, parts > 1, count(*) FROM gatewayd.queue GROUP BY 1, 2 ORDER BY 1, 2;"
                " SELECT coalesce(sum(acknowledged), 0) FROM gatewayd.boxes;",
                DATABASE,
            )
            rows = [line.split("|") for line in left.splitlines()[:-1]]
            hold = self.plan.in_doubt == "hold"
            if all(row[0] == "in_doubt" and (hold or row[1] == "t") for row in rows):
                return
            if left != before:
                before, progress = left, time.monotonic()
            time.sleep(0.2)
        self.broken.append(f"no progress for {self.plan.stuck_s:.0f} s, and this is left: {before!r}")

    def _evidence(self) -> Evidence:
        assert self.clients is not None
        self.gather_doubts()
        self._asked_at = 0.0
        self._ask_modems()
        rows = self.server.psql(
            "SELECT m.sms_id, m.status, coalesce(q.state, ''), coalesce(m.failure_reason, '') FROM gatewayd.messages m"
            " LEFT JOIN gatewayd.queue q ON q.message_id = m.id;",
            DATABASE,
        )
        known = {}
        for line in rows.splitlines():
            sms_id, status, state, reason = line.split("|", 3)
            known[sms_id] = Known(status, state == "in_doubt", reason or state or None)
        return Evidence(
            accepted=self.clients.accepted,
            handed_over=[
                HandOver(event["at"], event["recipient"], event["part"], box.name)
                for box in self.boxes
                for event in box.box.network("submitted")
            ],
            known=known,
            doubts=Counter(recipient for recipient, _ in self._doubts),
            away=self.away,
            frozen=self.frozen,
            forgotten=self.forgotten,
            in_doubt_policy=self.plan.in_doubt,
            lease_s=self.plan.times.lease_s,
            asked=self._asked,
            tolerance_s=TOLERANCE_S,
        )

    def _tear_down(self) -> None:
        self.beats.stop()
        for box in self.boxes:
            try:
                box.stop()
            except subprocess.TimeoutExpired:
                self.broken.append(f"{box.name} did not stop")
        self.server.close()
        self._log.close()

    def _until(self, condition: Callable[[], object], what: str, timeout_s: float = CATCH_UP_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout_s:.0f} s: {what}")
            time.sleep(0.1)

    def recover(self) -> None:
        """Wait until every box has told everything again, and let the fleet go on."""
        self._until(self.is_recovering, "a box sees that PostgreSQL was restored")
        self._until(self._caught_up, "every box has told everything again")
        cli_json(self.boxes[0].box.config, "fleet", "recovered", "--yes")

    def is_recovering(self) -> bool:
        """Whether a box found PostgreSQL restored, and the fleet was not told to go on."""
        return self.server.psql("SELECT recovering FROM gatewayd.fleet;", DATABASE) == "1"

    def _caught_up(self) -> bool:
        return (
            self.server.psql(
                "SELECT count(*) FROM gatewayd.boxes WHERE state = 'member' AND caught_up = 0;", DATABASE
            )
            == "0"
        )
