"""Asks a modem the questions of a recording, and restores what was changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from time import monotonic
from typing import Final

from modem.at.responses import result
from modem.driver import parsers
from modem.driver.profiles import PLAIN, Profile, profile_for
from modem.recording import questions
from modem.recording.anonymise import Anonymiser
from modem.recording.document import Exchange, Identity, Recording, Source
from modem.recording.line import Heard, LineLostError, RawLine, lines_of
from modem.recording.questions import Question
from modem.sms import tpdu
from modem.sms.segmentation import Segment, segment

WHOLE_S: Final = 60.0
"""The longest time for the questions. Those that are left then are left out, and the file says so."""

_SUBMIT_S: Final = 120.0
_ARRIVAL_S: Final = 60.0
_BOOT_S: Final = 40.0
BOOTED_S: Final = 12.0
"""Silence after the first line: the modem has started."""
_SILENCES: Final = 3  # questions in a row without an answer: the modem does not answer what it does not know
_MUTE_S: Final = 1.0
_TEXT: Final = "gatewayd recording"
_STORED_NUMBER: Final = "+22300000000"  # of the message that is written to the memory and deleted

# A setting, how it is read, and how its value is written again. The values are what stands behind the colon.
_RESTORED: Final = (
    ("+CMGF", "AT+CMGF={}", r"\d"),
    ("+CSCS", "AT+CSCS={}", r'"[A-Z0-9-]+"'),
    ("+CSMS", "AT+CSMS={}", r"\d"),
    ("+CNMI", "AT+CNMI={}", r"\d(,\d){1,4}"),
    ("+CREG", "AT+CREG={}", r"\d"),
    ("+CGREG", "AT+CGREG={}", r"\d"),
    ("+CEREG", "AT+CEREG={}", r"\d"),
    ("+CMMS", "AT+CMMS={}", r"\d"),
)


class NoModemError(Exception):
    """The device does not answer AT; the text is for a person."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a recording contains beside the questions. `send_to`: a number, which gets one real text."""

    restart: bool = False
    send_to: str | None = None
    slots: int = 1


@dataclass(slots=True)
class _State:
    """What a recording has learned."""

    exchanges: list[Exchange] = field(default_factory=list)
    boot: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)  # name → value before the first change
    memories: str = ""  # the setting of +CPMS
    echo: bool = False
    manufacturer: str = ""
    model: str = ""
    revision: str = ""
    profile: Profile = PLAIN


class Recorder:
    """One recording. `record` may be called again on another line after GivenUpError: it goes on where it was."""

    def __init__(
        self,
        wishes: Wishes,
        *,
        by: str,
        today: date,
        on_progress: Callable[[int, int, str], None] = lambda done, of, command: None,
        anonymiser: Anonymiser | None = None,
        booted_s: float = BOOTED_S,
    ) -> None:
        """`on_progress`: called before each question with its place, the number of questions, and the command."""
        self._wishes = wishes
        self._by = by
        self._today = today
        self._on_progress = on_progress
        self._anonymiser = anonymiser or Anonymiser()
        self._booted_s = booted_s
        self._state = _State()
        self._silences = 0
        self._left_s = WHOLE_S
        self._place = 0  # among all questions
        self._done = 0  # questions that were answered, in this order
        self._of = 0
        self._deadline = 0.0

    def record(self, line: RawLine) -> Recording:
        """Ask everything. What was changed is restored, also after an error or Ctrl-C.

        Raises NoModemError, LineLostError, GivenUpError.
        """
        self._line = line
        self._place = 0
        began = monotonic()
        self._deadline = began + self._left_s
        self._wake()
        try:
            self._ask_everything()
        finally:
            self._left_s -= monotonic() - began
            self._restore()
        if self._wishes.restart:
            self._restart()
        return self._document()

    def _ask_everything(self) -> None:
        state = self._state
        self._ask_all(questions.IDENTITY)
        manufacturer, model, revision = (self._word(name) for name in ("+CGMI", "+CGMM", "+CGMR"))
        state.manufacturer, state.model, state.revision = manufacturer, model, revision
        state.profile = profile_for(manufacturer, model)
        vendor = questions.vendor_questions(manufacturer, model, state.profile)
        self._of = self._place + len(questions.COMMON) + len(vendor) + len(questions.CARD) + 40
        self._ask_all(questions.COMMON)
        self._note_settings()
        self._ask_all(vendor)
        self._ask_all(questions.CARD)
        self._ask_all(map(Question, questions.CHANGES))
        self._ask_all(self._memory_forms())
        self._ask_all(self._shown_after(questions.notification_forms(), Question("AT+CNMI?")))
        self._ask_all(questions.MISTAKES)
        self._write_and_delete()
        if self._wishes.send_to is not None:
            self._send(self._wishes.send_to)
        self._ask_all(questions.LAST)

    def _wake(self) -> None:
        """Find out whether there is a modem, and whether it echoes. Raises NoModemError."""
        for _ in range(4):
            heard = self._line.ask(b"AT\r", 1.5)
            if _says(heard, "OK"):
                break
        else:
            raise NoModemError(
                "The device does not answer AT: is it a modem's port for commands, and its speed right?"
            )
        if self._done == 0:
            self._state.echo = any(line.strip() == "AT" for line in lines_of(_whole(heard)))
        self._ask_all(questions.FIRST)

    def _ask_all(self, asked: Iterable[Question]) -> None:
        for question in asked:
            self._ask(question)

    def _ask(self, question: Question) -> None:
        """Ask one question, unless it was answered on an earlier line."""
        self._place += 1
        if self._place <= self._done:
            return
        if monotonic() > self._deadline:
            self._done = self._place
            self._state.notes.append(f"Not asked, because a minute was over: {question.command}")
            return
        self._on_progress(self._place, max(self._of, self._place), question.command)
        timeout_s = _MUTE_S if self._silences >= _SILENCES else question.timeout_s
        timeout_s = max(0.5, min(timeout_s, self._deadline - monotonic() + 1.0))
        heard = self._line.ask(f"{question.command}\r".encode(), timeout_s)
        self._silences = 0 if heard else self._silences + 1
        self._keep(f"{question.command}\r", question.command, heard)
        self._done = self._place

    def _keep(self, ask: str, command: str, heard: Iterable[Heard]) -> None:
        say = tuple(self._anonymiser.answer(command, heard))
        self._state.exchanges.append(Exchange(ask=ask, say=say))

    def _word(self, name: str) -> str:
        """The answer to an identity question, as the file has it."""
        for exchange in self._state.exchanges:
            if exchange.command == f"AT{name}":
                lines = [line for line in re.split(r"[\r\n]+", exchange.text) if line.strip()]
                lines = [line for line in lines if result(line.strip()) is None and line[:2].upper() != "AT"]
                return parsers.word(lines, name) if lines else ""
        return ""

    def _memory_forms(self) -> list[Question]:
        """The settings of +CPMS with the memories that the modem lists, in the numbers that the driver tries."""
        told = next((each.text for each in self._state.exchanges if each.command == "AT+CPMS=?"), "")
        names = parsers.memory_list(
            [line for line in re.split(r"[\r\n]+", told) if line.startswith("+CPMS")]
        ) or ("SM",)
        wanted = [name for name in ("ME", "MT", "SM") if name in names][:3]
        return [
            Question("AT+CPMS=" + ",".join([f'"{name}"'] * count), questions.CARD_S)
            for name in wanted
            for count in (3, 2, 1)
        ]

    @staticmethod
    def _shown_after(forms: Iterable[Question], shows: Question) -> list[Question]:
        """Each form, with the question that shows what came of it."""
        return [each for form in forms for each in (form, shows)]

    # What is changed, and restored

    def _note_settings(self) -> None:
        """Remember the settings, as the questions before told them."""
        if self._state.settings:
            return
        for exchange in self._state.exchanges:
            lines = [line for line in re.split(r"[\r\n]+", exchange.text) if line.strip()]
            for name, _, form in _RESTORED:
                value = _value(lines, name)
                if exchange.command == f"AT{name}?" and value is not None:
                    value = (
                        value.partition(",")[0] if name in ("+CREG", "+CGREG", "+CEREG", "+CSMS") else value
                    )
                    if re.fullmatch(form, value):
                        self._state.settings[name] = value
            if exchange.command == "AT+CPMS?" and (value := _value(lines, "+CPMS")) is not None:
                self._state.memories = ",".join(re.findall(r'"[A-Z]{2}"', value))

    def _restore(self) -> None:
        """Make the settings that were there before. A lost line cannot be restored: its modem is gone or restarted."""
        state = self._state
        commands = [
            form.format(state.settings[name]) for name, form, _ in _RESTORED if name in state.settings
        ]
        if state.memories:
            commands.append(f"AT+CPMS={state.memories}")
        if state.echo:
            commands.append("ATE1")
        try:
            line = self._line.unstoppable()
            line.ask(b"\x1b", 0.3)  # a prompt that was left open
            for command in commands:
                line.ask(f"{command}\r".encode(), questions.CARD_S)
        except LineLostError:
            return

    # Texts

    def _write_and_delete(self) -> None:
        """Record the prompt: write a text to a free place, and delete it."""
        self._place += 1
        if self._place <= self._done:
            return
        length, pdu = _pdu(_STORED_NUMBER, segment(_TEXT)[0])
        self._line.ask(b"AT+CMGF=0\r", questions.QUICK_S)
        index = self._type(f"AT+CMGW={length}", pdu, questions.CARD_S)
        found = re.search(r"\+CMGW: *(\d{1,5})", index)
        if found is not None:
            heard = self._line.ask(f"AT+CMGD={found[1]}\r".encode(), questions.CARD_S)
            self._keep(f"AT+CMGD={found[1]}\r", f"AT+CMGD={found[1]}", heard)
        self._done = self._place

    def _send(self, number: str) -> None:
        """Send one real text, and keep its report and its arrival."""
        self._deadline += _SUBMIT_S + _ARRIVAL_S
        self._anonymiser.made_up.number(number)
        length, pdu = _pdu(number, segment(_TEXT)[0])
        self._ask(Question("AT+CNMI=2,1,0,1,0"))
        self._type(f"AT+CMGS={length}", pdu, _SUBMIT_S)
        heard = self._line.listen(_ARRIVAL_S, lambda whole: b"+CDS" in whole and b"+CMTI" in whole)
        chunks = self._anonymiser.free_lines(heard)
        if chunks:
            self._state.exchanges.append(Exchange(ask="\x1a", say=tuple(chunks)))

    def _type(self, command: str, pdu: str, timeout_s: float) -> str:
        """A command with a prompt, then a PDU. Returns the answer to it, "" where no prompt came."""
        self._on_progress(self._place, max(self._of, self._place), command)
        prompt = self._line.ask(f"{command}\r".encode(), questions.CARD_S, prompt=True)
        self._keep(f"{command}\r", command, prompt)
        if not _whole(prompt).rstrip().endswith(b">"):
            self._line.ask(b"\x1b", 0.5)
            return ""
        heard = self._line.ask(f"{pdu}\x1a".encode(), timeout_s)
        shown = [
            (at, text.replace(pdu, "0" * len(pdu))) for at, text in self._anonymiser.answer(command, heard)
        ]
        self._state.exchanges.append(Exchange(ask=f"{'0' * len(pdu)}\x1a", say=tuple(shown)))
        return _whole(heard).decode("latin-1")

    def _restart(self) -> None:
        """Restart the modem, and keep what it says while it starts."""
        reset = self._state.profile.reset
        self._on_progress(self._place, max(self._of, self._place), reset)
        try:
            self._line.ask(f"{reset}\r".encode(), questions.CARD_S)
            self._state.boot = self._anonymiser.free_lines(self._line.listen(_BOOT_S, quiet_s=self._booted_s))
        except LineLostError:
            self._state.notes.append("The device went away while the modem restarted.")

    def _document(self) -> Recording:
        state = self._state
        sweep = self._anonymiser.sweep
        exchanges = tuple(
            Exchange(ask=each.ask, say=tuple((at, sweep(text)) for at, text in each.say))
            for each in state.exchanges
        )
        return Recording(
            source=Source(
                kind="recorded", by=self._by, date=self._today.isoformat(), notes=tuple(state.notes)
            ),
            modem=Identity(
                manufacturer=sweep(state.manufacturer),
                model=sweep(state.model),
                revision=sweep(state.revision),
            ),
            make=nearest_make(state.manufacturer, state.model),
            slots=self._wishes.slots,
            exchanges=exchanges,
            boot=tuple((at, sweep(text)) for at, text in state.boot),
        )


def nearest_make(manufacturer: str, model: str) -> str:
    """The make of the simulator that is nearest to a modem, by its names."""
    said = f"{manufacturer} {model}".lower()
    for signs, make in (
        (("sim800", "sim900", "sim868"), "sim800"),
        (("simcom", "sim7", "a76", "quectel", "telit", "u-blox"), "ec25"),
        (("huawei",), "e173"),
        (("wavecom", "sierra"), "q2406"),
        (("zte",), "mf190"),
        (("qualcomm",), "m6280"),
    ):
        if any(sign in said for sign in signs):
            return make
    return "plain"


def _pdu(number: str, body: Segment) -> tuple[int, str]:
    """The length and the PDU of a text, as AT+CMGS and AT+CMGW take them."""
    made = tpdu.submit(number, body, seq=1, total=1, reference=0)
    return made.length, made.hex


def _value(lines: Iterable[str], name: str) -> str | None:
    for line in lines:
        head, colon, rest = line.partition(":")
        if head.strip() == name and colon:
            return rest.strip()
    return None


def _whole(heard: Iterable[Heard]) -> bytes:
    return b"".join(piece.octets for piece in heard)


def _says(heard: Iterable[Heard], word: str) -> bool:
    return any(line.strip() == word for line in lines_of(_whole(heard)))
