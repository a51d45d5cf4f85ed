"""A torture run: a daemon on simulated modems with every fault, checked against the log of the simulated network."""

from __future__ import annotations

import json
import random
import re
import socket
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from tabulate import tabulate

from modem.sms.segmentation import segment
from tests.bench import proc
from tests.gatewayd.box import Box

REFUSED = "+22377"  # numbers with this beginning are unknown to the network
REFUSAL = 1
REPORTS_FAIL = 0.05
IN_DOUBT = re.compile(r"part (\d+) of message (\d+) is in doubt")
SENT_AGAIN = re.compile(r"part (\d+) of message (\d+) is sent again")
TROUBLE = re.compile(r"port \d+: .*\(\d+ in a row\); (it is \w+( \w+)?)")
# Faults with few occasions: they get a rate of their own beside that of `all`.
OFTEN = (
    "silent-taken",
    "silent-lost",
    "reset-before",
    "reset-after",
    "vanish",
    "late",
    "no-prompt",
    "refused",
)
OFTEN_IN = (
    "report-lost",
    "report-late",
    "report-twice",
    "report-first",
    "incoming-twice",
    "malformed",
    "memory-full",
)


@dataclass(frozen=True)
class Plan:
    """The size of a torture run. Times are simulated seconds; `scale` converts them to real seconds."""

    messages: int
    incoming: int
    run_s: float
    scale: float
    rate: float  # share of its occasions on which each fault happens
    often: float  # the same for the faults with few occasions
    settle_s: float  # real seconds for all messages to end after the last fault
    ports: int = 8
    seed: int = 1


@dataclass
class Result:
    """The messages, texts and resources after a run."""

    statuses: dict[str, tuple[str, int, str | None]] = field(
        default_factory=dict
    )  # recipient → status, parts, reason
    taken: dict[tuple[str, int], int] = field(default_factory=dict)  # recipient and part → how often
    ended: dict[str, set[str]] = field(default_factory=dict)  # recipient → delivered, undelivered
    doubts: Counter[tuple[str, int]] = field(default_factory=Counter)
    again: int = 0
    happened: dict[str, int] = field(default_factory=dict)
    troubles: Counter[str] = field(default_factory=Counter)
    texts_sent: list[str] = field(default_factory=list)
    texts_kept: list[str] = field(default_factory=list)
    threads: tuple[list[str], list[str]] = ([], [])
    descriptors: tuple[int, int] = (0, 0)
    resident_kb: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    unexpected: list[str] = field(default_factory=list)  # errors in the log of the daemon

    def faults(self) -> Iterator[str]:
        """Each broken promise, as a sentence."""
        for recipient, (status, parts, reason) in self.statuses.items():
            if wrong := self._wrong(recipient, status, parts):
                yield f"{recipient}: {status} ({reason}), but {wrong}"
        for (recipient, part), times in self.taken.items():
            if times > 1 + self.doubts[recipient, part]:
                yield f"{recipient} got part {part} {times} times, of which {self.doubts[recipient, part]} were in doubt"
        kept = Counter(self.texts_kept)
        for text in self.texts_sent:
            if kept[text] != 1:
                yield f"{text!r} came in once and is kept {kept[text]} times"
        if self.threads[0] != self.threads[1]:
            yield f"the threads were {self.threads[0]} and are {self.threads[1]}"
        if self.descriptors[1] > self.descriptors[0]:
            yield f"{self.descriptors[0]} descriptors became {self.descriptors[1]}"
        yield from self.unexpected

    def _wrong(self, recipient: str, status: str, parts: int) -> str:
        taken = [self.taken.get((recipient, part), 0) for part in range(1, parts + 1)]
        ended = self.ended.get(recipient, set())
        if recipient.startswith(REFUSED):
            return "" if status == "failed" and not any(taken) else "the network does not know this number"
        if status == "failed":
            return "" if "undelivered" in ended else "the network reported no failure of it"
        if status not in ("sent", "delivered"):
            return "it did not end"
        if not all(taken):
            return f"the network took its parts {taken} times"
        return (
            "the network delivered it to no phone"
            if status == "delivered" and "delivered" not in ended
            else ""
        )

    def table(self) -> str:
        """The result as a table."""
        counts = Counter(status for status, _, _ in self.statuses.values())
        doubled = sum(times - 1 for times in self.taken.values() if times > 1)
        rows = [
            ("messages", ", ".join(f"{count} {status}" for status, count in counts.most_common())),
            ("parts taken by the network", sum(self.taken.values())),
            ("parts in doubt, sent again, taken twice", f"{self.doubts.total()}, {self.again}, {doubled}"),
            ("texts in, kept", f"{len(self.texts_sent)}, {len(set(self.texts_kept) & set(self.texts_sent))}"),
            ("faults", sum(self.happened.values())),
            *((f"  {name}", count) for name, count in self.happened.items()),
            *((f"ports: {trouble}", count) for trouble, count in self.troubles.most_common()),
            ("threads", f"{len(self.threads[0])}, {len(self.threads[1])}"),
            ("descriptors", f"{self.descriptors[0]}, {self.descriptors[1]}"),
            ("memory in MB", f"{self.resident_kb[0] / 1024:.1f}, {self.resident_kb[1] / 1024:.1f}"),
            ("real seconds", f"{self.seconds:.0f}"),
        ]
        return tabulate(rows, tablefmt="plain", disable_numparse=True)


class Torture:
    """One torture run, in its own folder."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.plan = plan
        self.result = Result()
        scale = plan.scale
        dispatch = (
            f"max_attempts = 100\nbackoff_s = [{5 * scale}, {15 * scale}]\nsubmit_timeout_s = {45 * scale}\n"
            f"in_doubt_wait_s = {90 * scale}"
        )
        self.box = Box(path, slots=dict.fromkeys(range(1, plan.ports + 1), 1), dispatch=dispatch)
        self._chance = random.Random(plan.seed)  # noqa: S311 - repeatable
        self._recipients: list[str] = []

    def run(self) -> Result:
        """Do the whole run. See `Result.faults` for what is wrong."""
        began = time.monotonic()
        plan, box, result = self.plan, self.box, self.result
        refused = [f"--refuse={REFUSED}{number:06}={REFUSAL}" for number in range(plan.messages // 20)]
        box.start_bank(
            *("--time-scale", str(plan.scale), "--seed", str(plan.seed), "--submit-jitter", "1.5"),
            *("--report-fail-rate", str(REPORTS_FAIL), *refused),
        )
        box.start_gateway("--scale", str(plan.scale), module="tests.bench.quick_daemon")
        assert box.gateway is not None
        pid = box.gateway.pid
        try:
            box.sims_ready(plan.ports)
            before = self._threads(), proc.descriptors(pid)
            self._order(do="chance", rule=f"all={plan.rate}")
            for name in (*OFTEN, *OFTEN_IN):
                self._order(do="chance", rule=f"{name}={plan.often}")
            first_kb = self._rounds(pid)
            self._order(do="calm")
            result.happened = self._order(do="happened")["happened"]
            self._settle()
            result.threads = before[0], self._threads()
            result.descriptors = before[1], self._descriptors(pid, before[1])
            result.resident_kb = first_kb, proc.resident_kb(pid)
            self._compare()
        finally:
            box.stop()
            self._read_log()
        result.seconds = time.monotonic() - began
        return result

    def _rounds(self, pid: int) -> int:
        """Send ten rounds of messages and texts, evenly over the time. Returns the memory in use after the third, in KiB."""
        plan = self.plan
        start = time.monotonic()
        first_kb = 0
        for number in range(10):
            self._send(plan.messages // 10)
            for _ in range(plan.incoming // 10):
                self._incoming()
                pause(self.plan.run_s * self.plan.scale / plan.incoming / 2)
            pause(start + (number + 1) * plan.run_s * plan.scale / 10 - time.monotonic())
            if number == 2:
                first_kb = proc.resident_kb(pid)
        return first_kb

    def _send(self, count: int) -> None:
        messages = []
        for _ in range(count):
            number = len(self._recipients)
            refused = number % 20 == 0
            recipient = f"{REFUSED}{number // 20:06}" if refused else f"+22371{number:06}"
            self._recipients.append(recipient)
            repeats = self._chance.choice((1, 1, 1, 1, 30, 60))
            messages.append({"recipient": recipient, "message": f"Message {number}" + " torture" * repeats})
        answer = requests.post(
            f"{self.box.api}/sms/send-bulk", json={"messages": messages}, headers=self.box.headers, timeout=60
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"], answer.text

    def _incoming(self) -> None:
        text = f"Text {len(self.result.texts_sent)}"
        self.result.texts_sent.append(text)
        port = self._chance.randint(1, self.plan.ports)
        self._order(do="incoming", port=port, text=text, **{"from": "+22376000000"})

    def _settle(self) -> None:
        """Wait until all messages and texts have ended, or for `settle_s`. See `Result.faults` for the others."""
        deadline = time.monotonic() + self.plan.settle_s
        while time.monotonic() < deadline and not self._settled():
            pause(0.1)
        pause(70 * self.plan.scale)  # reports that are late

    def _settled(self) -> bool:
        if self._pending() or not set(self.result.texts_sent) <= set(self._inbox()):
            return False
        return all(port["state"] == "up" for port in self.box.cli("status")["ports"])

    def _pending(self) -> int:
        count: int = self._rows("SELECT count(*) FROM messages WHERE status = 'pending'")[0][0]
        return count

    def _inbox(self) -> list[str]:
        return [row[0] for row in self._rows("SELECT text FROM inbox")]

    def _compare(self) -> None:
        """Read the messages of the daemon and the log of the network."""
        result = self.result
        rows = self._rows("SELECT recipient, status, parts, failure_reason FROM messages")
        result.statuses = {recipient: (status, parts, reason) for recipient, status, parts, reason in rows}
        assert set(result.statuses) == set(self._recipients)
        texts = dict(self._rows("SELECT recipient, text FROM messages"))
        result.taken = Counter(
            (event["recipient"], _part(event, texts[event["recipient"]]))
            for event in self.box.network("submitted")
        )
        ended: defaultdict[str, set[str]] = defaultdict(set)
        for outcome in ("delivered", "undelivered"):
            for event in self.box.network(outcome):
                ended[event["recipient"]].add(outcome)
        result.ended = ended
        result.texts_kept = self._inbox()

    def _read_log(self) -> None:
        assert self.box.gateway is not None
        (self.box.path / "daemon.log").write_text("".join(self.box.gateway.stderr), encoding="utf-8")
        recipients = dict(self._rows("SELECT id, recipient FROM messages"))
        for line in self.box.gateway.stderr:
            if found := IN_DOUBT.search(line):
                self.result.doubts[recipients[int(found[2])], int(found[1])] += 1
            self.result.again += bool(SENT_AGAIN.search(line))
            if found := TROUBLE.search(line):
                self.result.troubles[found[1]] += 1
            if " ERROR " in line or line.startswith("Traceback"):
                self.result.unexpected.append(line.rstrip())

    def _rows(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.box.path}/gatewayd.db?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchall()

    def _threads(self) -> list[str]:
        names = [thread["name"] for thread in self.box.cli("status")["threads"]]
        return sorted(name for name in names if not name.startswith("control-client"))

    def _descriptors(self, pid: int, before: int) -> int:
        for _ in range(600):  # a minute, which only a leak takes
            if (now := proc.descriptors(pid)) <= before:
                break
            pause(0.1)
        return now

    def _order(self, **order: Any) -> dict[str, Any]:
        """Send an order to the bank through its control socket. Returns its answer."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.box.path / "ports" / "control"))
            client.sendall(json.dumps(order).encode() + b"\n")
            with client.makefile() as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
        assert answer["ok"], answer
        return answer


def _part(event: dict[str, Any], text: str) -> int:
    """The number of the part that the network took. A part that another SIM sends is a separate text without a number."""
    if event["parts"] > 1 or "..." not in event["text"]:
        return int(event["part"])
    texts = [part.text for part in segment(text)]
    return texts.index(event["text"].removeprefix("...")) + 1


def pause(seconds: float) -> None:
    """Sleep, if the time is above 0."""
    time.sleep(max(0.0, seconds))
