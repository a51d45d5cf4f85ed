"""Programs that were written for real modems work with the simulated makes that they support."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest
from gsmmodem.modem import GsmModem, ReceivedSms

from modem.simulator.bank import Bank, BankConfig

WAIT_S = 60.0  # most programs need seconds; the start of one on a busy machine may take many
SCALE = 0.02
MAKES = ("plain", "sim800", "ec25", "e173", "q2406", "m6280", "mf190")
OUTSIDE = "+22376000000"
INCOMING = "Bonjour"

Judge = Callable[[Bank, int, Path], str]


def gsmmodem(bank: Bank, port: int, _: Path) -> str:
    """python-gsmmodem-new: connect, send with a report, receive, ask for the balance. Returns its findings."""
    received: list[tuple[str, str]] = []
    arrived = threading.Event()

    def take(sms: ReceivedSms) -> None:
        received.append((sms.number, sms.text))
        arrived.set()

    make = bank.config.personality_of[port]
    # The program knows only +CNMI=2,1,0,2 and 2,1,0,1,0: an M6280 accepts neither.
    notified = make != "m6280"
    # It would lose a report that comes before `sendSms` waits for it, 40 ms after the answer here.
    reported: SimpleQueue[int] = SimpleQueue()
    modem = GsmModem(
        str(bank.device(port)),
        115200,
        smsReceivedCallbackFunc=take if notified else None,
        smsStatusReportCallback=lambda report: reported.put(report.reference),
    )
    modem.connect()
    try:
        assert (modem.imei, modem.imsi) == (
            bank.call(lambda: bank.modem(port).imei),
            bank.slots(port)[0].imsi,
        )
        assert modem.networkName == bank.slots(port)[0].operator.name
        sent = modem.sendSms(recipient(port), "Bonjour à tous €")
        if notified:
            assert reported.get(timeout=WAIT_S) == sent.reference
            bank.incoming(port, OUTSIDE, INCOMING)
            assert arrived.wait(WAIT_S)
            assert received == [(OUTSIDE, INCOMING)]
        return str(modem.sendUssd(bank.slots(port)[0].operator.balance_code).message)
    finally:
        modem.close()


def gammu(bank: Bank, port: int, folder: Path) -> str:
    """gammu: identify, network info, send, read. Returns its output."""
    bank.incoming(port, OUTSIDE, INCOMING)
    batch = folder / "batch"  # it takes seconds to begin: once for all
    batch.write_text(
        f"identify\nnetworkinfo\nsendsms TEXT {recipient(port)} -text Bonsoir\ngetallsms\n", encoding="utf-8"
    )
    return ask_gammu(bank, port, folder, "batch", str(batch))


def gammu_ussd(bank: Bank, port: int, folder: Path) -> str:
    """gammu: ask for the balance; it waits ten seconds for a second answer."""
    return ask_gammu(bank, port, folder, "getussd", bank.slots(port)[0].operator.balance_code)


def ask_gammu(bank: Bank, port: int, folder: Path, *arguments: str) -> str:
    configuration = folder / "gammurc"
    configuration.write_text(
        f"[gammu]\ndevice={bank.device(port)}\nconnection=at115200\nlogfile={folder}/log\nlogformat=textalldate\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        ["gammu", "-c", str(configuration), *arguments],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def smsd(bank: Bank, port: int, folder: Path) -> str:
    """smstools' smsd: send and receive. Returns the received text as smsd wrote it."""
    bank.incoming(port, OUTSIDE, INCOMING)
    for name in ("outgoing", "incoming", "checked", "failed", "sent"):
        (folder / name).mkdir()
    first = bank.call(lambda: bank.modem(port).traits.first_index)
    bank.call(
        lambda: setattr(bank.modem(port), "silenced", True)
    )  # ^RSSI in quick time would never let it begin
    configuration = folder / "smsd.conf"
    configuration.write_text(
        f"devices = M\noutgoing = {folder}/outgoing\nincoming = {folder}/incoming\nchecked = {folder}/checked\n"
        f"failed = {folder}/failed\nsent = {folder}/sent\nlogfile = {folder}/log\nloglevel = 7\ndelaytime = 1\n"
        f"infofile = {folder}/working\npidfile = {folder}/pid\n"
        f"[M]\ndevice = {bank.device(port)}\nincoming = yes\nbaudrate = 115200\nmemory_start = {first}\n",
        encoding="utf-8",
    )
    (folder / "outgoing" / "one").write_text(f"To: {recipient(port)[1:]}\n\nBonsoir\n", encoding="utf-8")
    with subprocess.Popen(
        ["smsd", "-t", "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + WAIT_S
            while not (list((folder / "sent").iterdir()) and list((folder / "incoming").iterdir())):
                assert time.monotonic() < deadline, (folder / "log").read_text(encoding="latin-1")[-2000:]
                time.sleep(0.05)
        finally:
            process.terminate()
            process.wait(WAIT_S)
    return "".join(text.read_text(encoding="latin-1") for text in (folder / "incoming").iterdir())


PROGRAMS: dict[str, tuple[Judge, str]] = {  # with the command that has to be there
    "gsmmodem": (gsmmodem, ""),
    "gammu": (gammu, "gammu"),
    "gammu_ussd": (gammu_ussd, "gammu"),
    "smsd": (smsd, "smsd"),
}
SLOW = {("gsmmodem", "q2406")}  # it waits 15 s for the OK that +CPIN? does not bring
# gammu sends +CFUN=1 first: a Q2406 restarts then, real or simulated, and loses the next commands.
CASES = [
    (program, make)
    for program in PROGRAMS
    for make in MAKES
    if not (program.startswith("gammu") and make == "q2406")
]


def recipient(port: int) -> str:
    return f"+2237099{port:04}"


class Court:
    """All programs on all makes, each pair on its own port, in parallel because most of it is waiting."""

    def __init__(self, folder: Path, cases: list[tuple[str, str]]) -> None:
        self.ports = {case: port for port, case in enumerate(cases, 1)}
        makes = {port: make for (_, make), port in self.ports.items()}
        self.bank = Bank(
            BankConfig(folder / "bank", ports=len(cases), time_scale=SCALE, personality_of=makes)
        )
        self._folder = folder
        self._pool = ThreadPoolExecutor(len(cases))
        self._verdicts: dict[tuple[str, str], Future[str]] = {}

    def open(self) -> None:
        for port in (
            self.bank.ports
        ):  # unsolicited lines come at their real intervals, because the time of the programs is not scaled
            modem = self.bank.modem(port)
            periodic_urcs = tuple((every_s / SCALE, line) for every_s, line in modem.traits.periodic_urcs)
            modem.traits = replace(modem.traits, periodic_urcs=periodic_urcs)
        self.bank.start()
        for (program, make), port in self.ports.items():
            judge, command = PROGRAMS[program]
            if command and shutil.which(command) is None:
                continue
            folder = self._folder / f"{program}-{make}"
            folder.mkdir()
            self._verdicts[program, make] = self._pool.submit(judge, self.bank, port, folder)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self.bank.stop()

    def hear(self, program: str, make: str) -> str:
        """A program's findings on a make. Raises the program's error."""
        verdict = self._verdicts.get((program, make))
        if verdict is None:
            pytest.skip(f"{PROGRAMS[program][1]} is not installed: apt-get install gammu smstools")
        return verdict.result(2 * WAIT_S)

    def sent(self, program: str, make: str) -> list[str]:
        """The texts that the network received from the program."""
        port = self.ports[program, make]
        return [text.text for text in self.bank.texts() if text.recipient == recipient(port)]


def opened(folder: Path, cases: list[tuple[str, str]]) -> Iterator[Court]:
    court = Court(folder, cases)
    court.open()
    yield court
    court.close()


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    quick = [case for case in CASES if case not in SLOW and case[0] != "gammu_ussd"]
    yield from opened(tmp_path_factory.mktemp("court"), quick)


@pytest.fixture(scope="module")
def slow_court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    slow = [case for case in CASES if case in SLOW or case[0] == "gammu_ussd"]
    yield from opened(tmp_path_factory.mktemp("slow-court"), slow)


@pytest.mark.parametrize("make", [make for make in MAKES if ("gsmmodem", make) not in SLOW])
def test_python_gsmmodem_sends_receives_and_asks_for_the_balance(court: Court, make: str) -> None:
    assert "1250 FCFA" in court.hear("gsmmodem", make)
    assert court.sent("gsmmodem", make) == ["Bonjour à tous €"]


@pytest.mark.parametrize("make", [make for program, make in CASES if program == "gammu"])
def test_gammu_identifies_sends_and_reads(court: Court, make: str) -> None:
    said = court.hear("gammu", make)
    port = court.ports["gammu", make]
    assert court.bank.call(lambda: court.bank.modem(port).imei) in said
    assert court.bank.slots(port)[0].imsi in said
    assert "home network" in said
    assert OUTSIDE in said
    assert INCOMING in said
    assert court.sent("gammu", make) == ["Bonsoir"]


@pytest.mark.parametrize("make", MAKES)
def test_smsd_sends_and_receives(court: Court, make: str) -> None:
    said = court.hear("smsd", make)
    assert f"From: {OUTSIDE[1:]}" in said
    assert said.endswith(INCOMING)
    assert court.sent("smsd", make) == ["Bonsoir"]


@pytest.mark.bench
@pytest.mark.parametrize("make", [make for program, make in CASES if program == "gammu_ussd"])
def test_gammu_asks_for_the_balance(slow_court: Court, make: str) -> None:
    assert "1250 FCFA" in slow_court.hear("gammu_ussd", make)


@pytest.mark.bench
def test_python_gsmmodem_waits_for_the_ok_that_a_q2406_omits(slow_court: Court) -> None:
    assert "1250 FCFA" in slow_court.hear("gsmmodem", "q2406")
    assert slow_court.sent("gsmmodem", "q2406") == ["Bonjour à tous €"]
