"""A recording of a simulated modem, played by the simulator: the driver's conversation with both is the same."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from modem.at.serial_port import open_device
from modem.driver.sim import SimState
from modem.parts import Submission, Submitted
from modem.recording import document
from modem.recording.document import Exchange, Recording
from modem.recording.line import GivenUpError, Heard, RawLine, lines_of
from modem.recording.recorder import Recorder, Wishes
from modem.simulator.bank import Bank, BankConfig
from modem.simulator.core.faults import Faults
from modem.simulator.core.modem import Modem
from modem.simulator.core.network import Network
from modem.simulator.core.timers import Timers
from modem.simulator.core.witness import Witness
from modem.simulator.recorded import personality
from modem.sms.address import encode_address
from modem.sms.segmentation import segment
from tests.conftest import eventually
from tests.modem.recording.played import TODAY, conversation, driver, recorded

# Makes whose unsolicited lines come by the clock would differ by chance.
_CALM: Mapping[str, Any] = {"time_scale": 0.02, "delivery_s": 10_000.0}  # no report comes in between
MAKES = ("plain", "sim800", "ec25", "q2406", "m6280", "mf190")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A recording of each make."""
    folder = tmp_path_factory.mktemp("recordings")
    makes = dict(enumerate((*MAKES, "e173"), 1))
    made: dict[str, Path] = {}
    config = BankConfig(folder / "bank", ports=len(makes), personality_of=makes, time_scale=0.05)
    with Bank(config) as bank:

        def record(port: int, make: str) -> None:
            path = folder / f"{make}.json"
            path.write_text(document.text_of(recorded(bank, port)), encoding="utf-8")
            made[make] = path

        threads = [threading.Thread(target=record, args=each) for each in makes.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert set(made) == set(makes.values())
    return made


@pytest.fixture(scope="module")
def banks(
    recordings: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Bank, Bank]]:
    """Every make, and its copy at the same port of another bank."""
    folder = tmp_path_factory.mktemp("banks")
    numbered = dict(enumerate(MAKES, 1))
    copies = {port: recordings[make] for port, make in numbered.items()}
    with (
        Bank(BankConfig(folder / "a", ports=len(MAKES), personality_of=numbered, **_CALM)) as originals,
        Bank(BankConfig(folder / "b", ports=len(MAKES), recording_of=copies, **_CALM)) as played,
    ):
        yield originals, played


@pytest.mark.parametrize("make", MAKES)
def test_the_driver_has_the_same_conversation_with_the_copy(banks: tuple[Bank, Bank], make: str) -> None:
    port = MAKES.index(make) + 1
    original, copy = (_talk(bank.device(port)) for bank in banks)
    assert copy == original


def _talk(device: Path) -> list[str]:
    """Bring a modem up, read its card and its network, send a part, ask the balance."""
    with driver(device) as (modem, transcript):
        modem.begin()
        assert modem.sim.state() is SimState.READY
        modem.sim.iccid()  # two of the makes do not tell it
        assert modem.sim.imsi()
        modem.sim.own_number()
        modem.sim.pin_attempts()
        modem.prepare()
        assert modem.network.registration().carries_sms
        assert modem.network.operator()
        modem.network.signal_dbm()
        assert modem.storage.stored() == []
        assert isinstance(modem.submit(_submission(), 30.0, lambda: None), Submitted)
        modem.ussd(["#123#"])
        return conversation(transcript)


def _submission() -> Submission:
    return Submission(1, 1, 1, 1, "+22370123456", segment("Bonjour")[0], 7)


def test_a_copy_has_the_identity_of_its_simulated_card(banks: tuple[Bank, Bank]) -> None:
    """Two ports that play the same file would otherwise have the same card."""
    _, played = banks
    for port in played.ports:
        with driver(played.device(port)) as (modem, _):
            modem.begin()
            assert modem.sim.imsi() == played.slots(port)[0].imsi


def test_a_locked_card_asks_for_its_pin_in_a_copy_too(recordings: Mapping[str, Path], tmp_path: Path) -> None:
    config = BankConfig(tmp_path, ports=1, recording_of={1: recordings["ec25"]}, pin="4321", time_scale=0.02)
    with Bank(config) as bank, driver(bank.device(1)) as (modem, _):
        modem.begin()
        assert modem.sim.state() is SimState.PIN_REQUIRED
        # Both were answered with OK in the recording: there was a card, and a message at this place.
        assert modem.channel.command("AT+CIMI").result.code == 11
        assert modem.channel.command("AT+CMGD=0").result.code == 321
        assert modem.sim.enter_pin("4321")
        eventually(lambda: modem.sim.state() is SimState.READY)


def test_what_the_recorded_modem_refused_has_no_effect(
    recordings: Mapping[str, Path], tmp_path: Path
) -> None:
    recording = document.read(recordings["plain"])
    refusing = Exchange(ask="AT+CMGF=1\r", say=((0, "\r\n+CMS ERROR: 303\r\n"),))
    path = tmp_path / "refusing.json"
    path.write_text(document.text_of(_with(recording, refusing)), encoding="utf-8")
    with (
        Bank(BankConfig(tmp_path / "bank", ports=1, recording_of={1: path}, time_scale=0.02)) as bank,
        driver(bank.device(1)) as (modem, _),
    ):
        modem.begin()
        channel = modem.channel
        assert channel.command("AT+CMGF=1").result.code == 303
        assert channel.command("AT+CMGF?", "+CMGF").lines == ("+CMGF: 0",)


def test_recorded_line_ends_chunks_and_pauses_are_played(
    recordings: Mapping[str, Path], tmp_path: Path
) -> None:
    recording = document.read(recordings["plain"])
    odd = Exchange(ask="AT+ODD?\r", say=((40, "\r\r\n+ODD:"), (900, " 1\r\r\n\r\nOK\r\n")))
    path = tmp_path / "odd.json"
    path.write_text(document.text_of(_with(recording, odd)), encoding="utf-8")
    with Bank(BankConfig(tmp_path / "bank", ports=1, recording_of={1: path}, time_scale=0.5)) as bank:
        device = open_device(str(bank.device(1)), 115_200)
        try:
            line = RawLine(device.fd, linger_s=0.05)
            line.ask(b"ATE0\r", 5)
            heard = line.ask(b"AT+ODD?\r", 5)
        finally:
            device.close()
    assert b"".join(piece.octets for piece in heard) == b"\r\r\n+ODD: 1\r\r\n\r\nOK\r\n"
    assert len(heard) == 2
    assert heard[1].at_ms - heard[0].at_ms >= 400  # 860 ms at half of the time


def test_a_restart_is_recorded_and_played(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "a", ports=1, personality="sim800", time_scale=0.02)) as bank:
        recording = recorded(bank, 1, restart=True)
    assert "Call Ready" in "".join(text for _, text in recording.boot)
    path = tmp_path / "sim800.json"
    path.write_text(document.text_of(recording), encoding="utf-8")
    with Bank(BankConfig(tmp_path / "b", ports=1, recording_of={1: path}, time_scale=0.02)) as bank:
        device = open_device(str(bank.device(1)), 115_200)
        try:
            line = RawLine(device.fd)
            bank.call(lambda: bank.modem(1).reset())
            heard = line.listen(60, lambda whole: b"SMS Ready" in whole)
        finally:
            device.close()
    said = b"".join(piece.octets for piece in heard)
    assert [text for text in lines_of(said) if text.endswith(("Ready", "RDY"))] == [
        "RDY",
        "Call Ready",
        "SMS Ready",
    ]


def test_settings_are_restored(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path, ports=1, time_scale=0.02)) as bank:
        device = open_device(str(bank.device(1)), 115_200)
        try:
            line = RawLine(device.fd, linger_s=0.01)
            settings = (
                b"AT+CMGF=1\r",
                b'AT+CSCS="UCS2"\r',
                b"AT+CNMI=1,2,0,0,0\r",
                b"AT+CREG=2\r",
                b'AT+CPMS="ME","ME","ME"\r',
            )
            for command in settings:
                assert b"OK" in b"".join(piece.octets for piece in line.ask(command, 5))
            asked = (b"AT+CMGF?\r", b"AT+CSCS?\r", b"AT+CNMI?\r", b"AT+CREG?\r", b"AT+CPMS?\r")
            before = [line.ask(command, 5)[-1].octets for command in asked]
            with pytest.raises(GivenUpError):
                Recorder(Wishes(), by="test", today=TODAY).record(_Interrupted(device.fd, after=90))
            assert [line.ask(command, 5)[-1].octets for command in asked] == before
            assert bank.call(lambda: bank.modem(1).settings.echo)
        finally:
            device.close()


class _Interrupted(RawLine):
    """A line whose user presses Ctrl-C after some questions."""

    def __init__(self, fd: int, after: int) -> None:
        super().__init__(fd, linger_s=0.01)
        self._left = after

    def ask(self, octets: bytes, timeout_s: float, *, prompt: bool = False) -> tuple[Heard, ...]:
        self._left -= 1
        if self._left < 0:
            raise GivenUpError
        return super().ask(octets, timeout_s, prompt=prompt)


def _with(recording: Recording, exchange: Exchange) -> Recording:
    others = tuple(each for each in recording.exchanges if each.command != exchange.command)
    return recording.model_copy(update={"exchanges": (*others, exchange)})


def test_one_real_text_is_recorded_without_its_number(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "a", ports=1, time_scale=0.05)) as bank:
        number = bank.slots(1)[0].number
        recording = recorded(bank, 1, send_to=number)
        accepted = bank.call(bank.witness.accepted)
    assert [each.recipient for each in accepted] == [number]
    said = document.text_of(recording)
    assert "+CMGS: " in said
    assert "+CDS: " in said
    assert "+CMTI: " in said
    assert number.lstrip("+") not in said
    assert encode_address(number).hex().upper()[4:] not in said


def test_a_command_that_comes_at_the_end_of_an_answer_is_heard(recordings: Mapping[str, Path]) -> None:
    """A fast program writes its next command before the simulator has done anything else."""
    slow = Exchange(ask="AT+SLOW?\r", say=((5, "\r\n+SLOW: 1\r\n"), (9, "\r\nOK\r\n"), (12, "\r\n")))
    made = personality(_with(document.read(recordings["plain"]), slow))
    now, said = [0.0], list[bytes]()
    timers = Timers(lambda: now[0])
    source = random.Random(1)  # noqa: S311 - repeatable
    network = Network(BankConfig(Path()), timers, source, Witness(10, None, lambda: 0.0), lambda: now[0])

    def hear(octets: bytes) -> None:
        said.append(octets)
        if b"+SLOW" not in octets and b"OK" in octets and len(said) < 20:
            modem.feed(b"AT+SLOW?\r" if len(said) < 10 else b"AT+CGMI\r")

    modem = Modem(
        traits=made.traits,
        commands=made.commands(),
        cards=[None],
        network=network,
        timers=timers,
        faults=Faults(source),
        imei="352099001761481",
        write=hear,
        playback=made.playback,
    )
    modem.power_on(warm=True)
    modem.settings.echo = False
    modem.feed(b"AT+SLOW?\r")
    while len(said) < 20 and (wait_s := timers.wait_s()) is not None:
        now[0] += max(wait_s, 0.0001)
        timers.run_due()
    assert len(said) >= 20
