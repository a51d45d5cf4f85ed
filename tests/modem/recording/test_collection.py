"""The recordings that come with the program: each keeps the rules, and is driven as a modem by a real port."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import pytest
from gsmmodem.modem import GsmModem

from modem.parts import Submission, Submitted
from modem.port.status import PortState
from modem.recording import document
from modem.recording.document import Exchange, Recording
from modem.simulator import collection
from modem.simulator.bank import Bank, BankConfig
from modem.simulator.personality import PERSONALITIES
from modem.sms.segmentation import segment
from modem.sms.tpdu import Deliver
from modem.timeouts import ChannelTimeouts, CommandTimeouts, UssdTimeouts
from tests.conftest import eventually
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import SCALE, port_on

FILES: Final = collection.files()
NUMBER: Final = "+22370123456"  # of nobody in the bank: the simulated network delivers to it
PIN: Final = "4321"
CODE: Final = "*9#"
BALANCE: Final = "Solde: 1 250 F"
THREE_PARTS: Final = "Un message de trois parties. " * 14

# A busy machine may not be taken for a modem that does not answer.
PATIENT: Final = replace(
    FAST,
    channel=ChannelTimeouts(quiet_s=0.008, escape_s=0.05, clean_s=0.02),
    commands=CommandTimeouts(again_s=0.02, appear_s=0.3, ussd=UssdTimeouts(late_s=0.15, cancel_s=0.03)),
)


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    """The life of each modem of the collection, by the name of its file."""
    config = BankConfig(
        tmp_path_factory.mktemp("collection"),
        ports=len(FILES),
        recording_of=dict(enumerate(FILES, 1)),
        pin=PIN,
        time_scale=SCALE,
    )
    with Bank(config) as bank, ThreadPoolExecutor(len(FILES)) as threads:
        bank.answer_ussd(CODE, BALANCE)
        yield {file.stem: threads.submit(drive, bank, port) for port, file in enumerate(FILES, 1)}


def drive(bank: Bank, number: int) -> None:
    """Enter the PIN, send one part and three, get the reports, receive a text, ask the balance, restart, send again."""
    long = [Submission(2, seq, 3, 2, NUMBER, text, 7) for seq, text in enumerate(segment(THREE_PARTS), 1)]
    work = RecordingWork(part(1, recipient=NUMBER), *long)
    with port_on(bank, work, number, timing=PATIENT, pin=PIN) as port:
        eventually(lambda: len(work.outcomes) == 4)
        assert all(isinstance(result, Submitted) for result in work.results)
        eventually(lambda: len(work.reports) == 4)
        bank.incoming(number, NUMBER, "Bonsoir")
        eventually(lambda: [text.text for text in work.texts if isinstance(text, Deliver)] == ["Bonsoir"])
        assert port.ussd(CODE).result(60).text == BALANCE
        port.restart_modem()
        eventually(lambda: any("as an operator ordered" in status.detail for status in work.statuses))
        work.give(part(9, "Encore", NUMBER))
        eventually(lambda: len(work.outcomes) == 5)
        assert isinstance(work.results[-1], Submitted)
        assert work.state is PortState.UP


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_a_recording_is_a_modem_that_the_driver_can_use(driven: dict[str, Future[None]], name: str) -> None:
    driven[name].result(120)


FOREIGN: Final = ("huawei-e1752", "quectel-ec25", "simcom-sim800l", "zte-mf190")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[str]]]:
    """The answer to a USSD code, asked by another program after it sent and received a text, by the name of the file."""
    files = dict(enumerate((collection.FOLDER / f"{name}.json" for name in FOREIGN), 1))
    folder = tmp_path_factory.mktemp("foreign")
    bank = Bank(BankConfig(folder, ports=len(files), recording_of=files, time_scale=SCALE))
    for port in bank.ports:
        # gsmmodem reads a line that comes between a command and its answer as a part of the answer.
        modem = bank.modem(port)
        modem.traits = replace(modem.traits, periodic_urcs=())
    with bank, ThreadPoolExecutor(len(files)) as threads:
        bank.answer_ussd(CODE, BALANCE)
        yield {file.stem: threads.submit(use_with_gsmmodem, bank, port) for port, file in files.items()}


def use_with_gsmmodem(bank: Bank, port: int) -> str:
    """python-gsmmodem-new: connect, send with a report, receive, ask for the balance."""
    received: SimpleQueue[str] = SimpleQueue()
    # It would lose a report that comes before `sendSms` waits for it, 40 ms after the answer here.
    reported: SimpleQueue[int] = SimpleQueue()
    modem = GsmModem(
        str(bank.device(port)),
        115_200,
        smsReceivedCallbackFunc=lambda sms: received.put(sms.text),
        smsStatusReportCallback=lambda report: reported.put(report.reference),
    )
    modem.connect()
    try:
        sent = modem.sendSms(NUMBER, "Bonjour")
        assert reported.get(timeout=60) == sent.reference
        bank.incoming(port, NUMBER, "Bonsoir")
        assert received.get(timeout=60) == "Bonsoir"
        return str(modem.sendUssd(CODE).message)
    finally:
        modem.close()


@pytest.mark.parametrize("name", FOREIGN)
def test_another_program_can_use_a_recording(foreign: dict[str, Future[str]], name: str) -> None:
    assert foreign[name].result(120) == BALANCE


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_keeps_the_rules(file: Path) -> None:
    recording = document.read(file)
    assert list(collection.broken_rules(recording)) == []
    assert file.read_text(encoding="ascii") == document.text_of(recording), "written by another program"


def test_the_collection_has_every_make_of_the_simulator_and_real_modems() -> None:
    recordings = [document.read(file) for file in FILES]
    simulated = {each.make for each in recordings if each.source.kind == "simulated"}
    assert simulated == set(PERSONALITIES)
    assert len([each for each in recordings if each.source.kind == "published"]) >= 12


GOOD: Final = document.read(collection.FOLDER / "huawei-e1550.json")


@pytest.mark.parametrize(
    ("source", "answer", "words"),
    [
        ({"references": ()}, "OK", "needs its references"),
        ({"kind": "recorded"}, "OK", "must be published"),
        ({"kind": "simulated", "by": "somebody"}, "OK", "must be published"),
        ({}, "352099001761481", "AT+ODD"),  # an IMEI
        ({}, "610020000000017", "AT+ODD"),  # an IMSI
        ({}, '+CCID: "8922301000000000017F"', "AT+ODD"),
        ({}, '+CNUM: "","+22370123456",145', "AT+ODD"),
        ({}, "07912223010000F0040B912232547698F00000", "AT+ODD"),  # a PDU
    ],
)
def test_a_broken_rule_is_named(source: dict[str, object], answer: str, words: str) -> None:
    exchange = Exchange(ask="AT+ODD\r", say=((0, f"\r\n{answer}\r\n\r\nOK\r\n"),))
    broken: Recording = GOOD.model_copy(
        update={"source": GOOD.source.model_copy(update=source), "exchanges": (*GOOD.exchanges, exchange)}
    )
    [sentence] = collection.broken_rules(broken)
    assert words in sentence
