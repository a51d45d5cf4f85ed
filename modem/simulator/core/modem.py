"""A modem, from bytes to bytes: no terminal, no thread, no clock of its own (V.250, 27.007, 27.005)."""

from __future__ import annotations

import contextlib
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import partial

from modem.simulator.core import results
from modem.simulator.core.command_line import CommandLine
from modem.simulator.core.faults import Fault, Faults
from modem.simulator.core.inbox import Inbox
from modem.simulator.core.network import Network
from modem.simulator.core.nvram import URCS_EVERYWHERE, Kept
from modem.simulator.core.output import Output
from modem.simulator.core.playback import Made, Piece, Playback
from modem.simulator.core.radio import DENIED, HOME, SEARCHING, Cure, Radio
from modem.simulator.core.request import Request, parse
from modem.simulator.core.results import CallEndedError, CmeError, CmsError, CommandError
from modem.simulator.core.settings import Settings
from modem.simulator.core.sim import Lock, Sim
from modem.simulator.core.storage import Storage
from modem.simulator.core.text_entry import CTRL_Z, ESCAPE, TextEntry, end_of_text
from modem.simulator.core.timers import Timer, Timers
from modem.simulator.core.traits import Traits

UART_OCTETS = 64  # buffer size of an old UART
LATE_S = 60.0  # longer than most programs wait for +CMGS
ANSWER_LATE_S = 8.0  # longer than most programs wait for any other answer
PAUSE_S = 0.3  # longer than any gap between octets that belong together
TRICKLE_S = 0.02  # a few octets at 1200 baud
STRAY_S = 0.05  # from a stray answer to the one that was asked for
RING_EVERY_S, RINGS = 5.0, 8  # how often a caller rings, and how many times
AWAY_S = 20.0  # how long a card stays out, and a network away
ASIDES = ("+CIEV: 2,4", "^RSSI:17", "RING", "+CREG: {stat}", "+CUSD: 4", "+CTZV: +00")
STRAYS = {
    Fault.STRAY_ANSWER: b"\r\n+CPIN: READY\r\n\r\nOK\r\n",
    Fault.STRAY_OK: b"\r\nOK\r\n",
    Fault.STRAY_ERROR: b"\r\nERROR\r\n",
}
ODD_PROMPTS = (b"> ", b"\r\n>", b"\r\n> \r\n", b"\r\r\n> ")
NOT_READY_S = 20.0  # how long a modem may refuse SMS commands after its start
ABOUT_TEXTS = frozenset(
    {"+CMGF", "+CNMI", "+CPMS", "+CSMS", "+CSCA", "+CMGS", "+CMGW", "+CMSS", "+CMGL", "+CMGR", "+CMGD"}
)
_OF_THE_MODE = (b"+CMGS", b"+CMGW", b"+CMSS", b"+CMGF")
_UNHEARD = -1  # no command line has this number
OFF, MINIMAL, FULL, FLIGHT = -1, 0, 1, 4  # +CFUN (27.007, 8.2), and no power at all
_LOCK_CME = {Lock.PIN: 11, Lock.PUK: 12, Lock.DEAD: 13}
_LOCK_CMS = {Lock.PIN: 311, Lock.PUK: 316, Lock.DEAD: 313}


class Flow(Enum):
    """Returned by a command that has not ended."""

    PENDING = "pending"  # it will call `Modem.complete`


Handler = Callable[["Modem", Request], Flow | None]
"""A command: returns None for OK, raises `CommandError`, or stays pending."""

EntryHandler = Callable[[bytes], Flow | None]


class State(Enum):
    """How arriving octets are interpreted."""

    OFF = "off"  # nothing: no power, or booting
    COMMAND = "command"
    TEXT = "text"  # text or PDU after the prompt of +CMGS and +CMGW
    EXECUTING = "executing"  # nothing: a command that cannot be aborted runs, and they are discarded


class Modem:
    """One modem with its slots. `feed` takes the octets that the program writes; `write` receives the answers."""

    def __init__(
        self,
        *,
        traits: Traits,
        commands: Mapping[str, Handler],
        cards: Sequence[Sim | None],
        network: Network,
        timers: Timers,
        faults: Faults,
        imei: str,
        write: Callable[[bytes], None],
        boot_s: float = 1.0,
        registration_s: float = 2.0,
        playback: Playback | None = None,
        on_answer: Callable[[Made], None] = lambda made: None,
    ) -> None:
        """`playback`: recorded answers, in place of the modem's own. `on_answer`: hears each answer as the modem made it."""
        self.traits = traits
        self.commands = commands
        self.cards = list(cards)
        self.active_slot = 1
        self.network = network
        self.timers = timers
        self.faults = faults
        self.imei = imei
        self.settings = Settings.of(traits)
        self.state = State.OFF
        self.function = OFF
        self.radio = Radio(network, timers, registration_s, self._registration_changed)
        self.inbox = Inbox(self)
        self.own_memories = {name: Storage(size) for name, size in traits.capacities.items()}
        self.silenced = False  # some makes have a command that turns URCs off
        self.kept = Kept()
        self._clock_ahead_s = 0.0  # of the network's
        self.stands_at: float | None = None  # the time that a stopped clock shows
        self.session: Timer | None = None  # a USSD dialogue with the network
        self.vanish: Callable[[], None] = self.reset  # the effect of VANISH; the bank replaces it
        self._output = Output(write, timers)
        self._write = self._output.write
        self._boot_s = boot_s
        self._line = CommandLine(traits.command_limit)
        self._rest: deque[Request] = deque()
        self._answer: list[str] = []
        self._entry: TextEntry | None = None
        self.owed: deque[str] = deque()  # answers to older submissions, which come with the next one's
        self._rings_left = 0  # of a call that comes in
        self._held: list[str] = []  # unsolicited lines that wait for the end of the text
        self._after_return = False
        self._without_result = False
        self._card_ready_at = 0.0
        self._texts_ready_at = 0.0
        self._timers_of_power: list[Timer] = []
        self.running = 0  # counts command lines: a submission looks whether its own still runs
        self._hold: tuple[str, bool] | None = None  # a command to be held, and whether its answer only
        self._held_back: Callable[[], None] | None = None  # continued by `release`
        self._name = ""  # of the command that runs
        self._playback = playback
        self._on_answer = on_answer
        self._typed = ""  # the command line that runs, without AT
        self.chance = random.Random(imei)  # noqa: S311 - what faults look like; no secret

    # --- power -------------------------------------------------------------------------------------

    def power_on(self, *, warm: bool = False) -> None:
        """Switch the modem on. `warm`: it has been on for hours, is booted and registered, and sends no boot lines."""
        self.settings = Settings.of(self.traits)
        self.function = FULL
        self.silenced = False
        self.radio.wanted = True
        self.radio.mode = 0 if self.radio.mode == 2 else self.radio.mode
        self.radio.cure(Cure.RESTART)
        unset = datetime.strptime(f"{self.traits.clock_at_start}+0000", "%y/%m/%d,%H:%M:%S%z")
        self._clock_ahead_s = unset.timestamp() - self.network.wall()
        if warm:
            self.state = State.COMMAND
            self._send_periodic_urcs()
            self._card_ready_at = self.timers.now()
            self.refresh_radio(at_once=True)
            return
        self._later(self._boot_s, self._boot)

    def power_off(self) -> None:
        """Cut the power: all running commands are dropped, and the card is locked again."""
        self.state = State.OFF
        self.function = OFF
        for timer in self._timers_of_power:
            timer.cancel()
        self._timers_of_power.clear()
        self._line.clear()
        self._output.clear()
        self._rest.clear()
        self._answer.clear()
        self._held.clear()
        self._entry = None
        self._held_back = self._hold = None
        self.owed.clear()
        self._rings_left = 0
        self.running += 1
        self.inbox.clear()
        self.radio.switch(None, self)
        self._power_card()

    def reset(self) -> None:
        """Restart, as after +CFUN=1,1 or a dip of the supply."""
        self.power_off()
        self.power_on()

    def restart_after(self, delay_s: float) -> None:
        """Restart, but answer first."""
        self._later(delay_s, self.reset)

    def _boot(self) -> None:
        self.state = State.COMMAND
        for delay, line in self.traits.boot_lines:
            self._later(delay, partial(self.unsolicited, line))
        self.card_starts()
        self._send_periodic_urcs()

    def ring(self) -> None:
        """A call comes in, and rings until it is ended."""
        if not self._rings_left:
            self._rings_left = RINGS
            self._ring()

    def _ring(self) -> None:
        if self._rings_left:
            self._rings_left -= 1
            self.unsolicited("RING" if self._rings_left else "NO CARRIER")
            self._later(RING_EVERY_S, self._ring)

    @property
    def ringing(self) -> bool:
        """Whether a call comes in."""
        return self._rings_left > 0

    def end_call(self) -> None:
        """End the call that comes in, if there is one."""
        self._rings_left = 0

    def _send_periodic_urcs(self) -> None:
        for every_s, line in self.traits.periodic_urcs:
            self._later(every_s, partial(self._chat, every_s, line))

    def _chat(self, every_s: float, line: str) -> None:
        self.unsolicited(line)
        self._later(every_s, partial(self._chat, every_s, line))

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        self.ends_with_power(self.timers.later(delay_s, action))

    def ends_with_power(self, timer: Timer) -> None:
        """Let this timer be cancelled when the power goes."""
        alive = [each for each in self._timers_of_power if each.action is not None]
        self._timers_of_power = [*alive, timer]

    def later_with_card(self, delay_s: float, action: Callable[[], object]) -> None:
        """Do something later, unless another card is in use by then, or none."""
        card = self.card

        def act() -> None:
            if self.card is card and self.state is not State.OFF:
                action()

        self._later(delay_s, act)

    # --- the card and the radio --------------------------------------------------------------------

    @property
    def card(self) -> Sim | None:
        """The card in the active slot, None where the slot is empty."""
        return self.cards[self.active_slot - 1]

    def card_starts(self) -> None:
        """The card got power or its PIN: it is busy for a while, then registers."""
        busy = self.traits.sim_busy_s
        self._card_ready_at = self.timers.now() + busy
        self._later(busy, self._card_ready)

    def _card_ready(self) -> None:
        if self.card is not None and self.card.lock is Lock.READY:
            for line in self.traits.sim_ready_lines:
                self.unsolicited(line)
        self.refresh_radio()

    def refresh_radio(self, *, at_once: bool = False) -> None:
        """Register the card if it may be registered, else detach it."""
        card = self.card
        usable = self.function == FULL and card is not None and card.lock is Lock.READY
        self.radio.switch(card if usable else None, self, at_once=at_once)

    def set_function(self, level: int) -> None:
        """Change the level of +CFUN: 0 takes the power from the card, 4 only the radio off."""
        before, self.function = self.function, level
        if level == MINIMAL:
            self._power_card()
        elif before == MINIMAL:
            self.card_starts()
        if level == FULL and before != FULL:
            self.radio.cure(Cure.RADIO)
        self.refresh_radio()

    def select_slot(self, slot: int) -> None:
        """Use the card of another slot; it asks for its PIN if it has one."""
        self.active_slot = slot
        self._power_card()
        self.card_starts()
        self.refresh_radio()

    def replace_card(self, slot: int, card: Sim | None) -> None:
        """Take the card out of a slot, or put one in."""
        self.cards[slot - 1] = card
        if slot == self.active_slot:
            self.select_slot(slot)

    def exchange_card(self, card: Sim) -> None:
        """Put another card into the active slot without a word, as where the modem does not watch its holder."""
        self.cards[self.active_slot - 1] = card
        card.power_up()
        self._card_ready_at = self.timers.now()
        self.refresh_radio()

    def _power_card(self) -> None:
        if self.card is not None:
            self.card.power_up()

    def ready_card(self, *, sms: bool) -> Sim:
        """The card, if it can be used now. Raises `CmsError` with `sms`, else `CmeError`."""
        card = self.card
        if card is None or self.function == MINIMAL:
            code = 10 if card is None else 13
            raise CmsError(300 + code) if sms else CmeError(code)
        if card.lock is not Lock.READY:
            raise CmsError(_LOCK_CMS[card.lock]) if sms else CmeError(_LOCK_CME[card.lock])
        if self.timers.now() < self._card_ready_at or self.faults.take(Fault.SIM_BUSY):
            raise CmsError(314) if sms else CmeError(14)
        return card

    def memory(self, name: str) -> Storage:
        """A message storage by its name; the card's needs the card. Raises `CmsError`."""
        return self.ready_card(sms=True).storage if name == "SM" else self.own_memories[name]

    def receive(self, octets: bytes, *, report: bool) -> bool:
        """Take a message from the network; False where there is no room."""
        return self.inbox.receive(octets, report=report)

    def clock(self) -> float:
        """The time of the modem's clock, in seconds since the epoch."""
        return self.network.wall() + self._clock_ahead_s

    def hear_the_time(self) -> None:
        """Set the clock from the network at a registration, if that is configured (24.008, 9.2.15a)."""
        if self.kept.follows and self.radio.registered and not self.faults.take(Fault.NO_NETWORK_TIME):
            self._clock_ahead_s = 0.0

    def _registration_changed(self) -> None:
        self.hear_the_time()
        settings = self.settings
        for name, level in (("+CREG", settings.creg), ("+CGREG", settings.cgreg), ("+CEREG", settings.cereg)):
            if level:
                self.unsolicited(f"{name}: {self.registration(level)}")

    def registration(self, level: int) -> str:
        """`<stat>`, with the cell where level 2 asks for it (27.007, 7.2)."""
        radio = self.radio
        if level < 2 or not radio.registered:
            return str(radio.stat)
        cell = f'{radio.stat},"0065","{int(self.imei[-6:]) & 0xFFFF:04X}"'
        technology = self.traits.access_technology
        return cell if technology is None else f"{cell},{technology}"

    # --- octets in ---------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Process octets that the program wrote."""
        if self.faults.take(Fault.DEAF):
            return
        while data:
            if self.state is State.COMMAND:
                data = self._command_octets(data)
            elif self.state is State.TEXT:
                data = self._text_octets(data)
            elif ESCAPE in data and self.state is State.EXECUTING and self.faults.take(Fault.ABANDONED):
                data = data[data.index(ESCAPE) + 1 :]
                self.running += 1
                self._fall_silent()
            else:
                return

    def hold(self, command: str, *, answer: bool) -> None:
        """Let the next such command wait for `release`: before anything of it happens, or its answer alone."""
        self._hold = (command, answer)

    def release(self, *, forget: bool = False) -> None:
        """Continue the held command. `forget`: drop it without an answer."""
        held, self._hold, self._held_back = self._held_back, None, None
        if held is not None and forget:
            self._fall_silent()
        elif held is not None:
            held()

    @property
    def is_holding(self) -> bool:
        """Whether a command waits for `release`."""
        return self._held_back is not None

    def _holds(self, *, answer: bool) -> bool:
        if self._hold != (self._name, answer):
            return False
        self._hold = None
        self.state = State.EXECUTING
        self.network.record("held", command=self._name, answer=answer)
        return True

    def _go_on(self, request: Request, command: int) -> None:
        """Run a command that was held. One that was abandoned meanwhile runs too, without an answer."""
        if self.running == command:
            self._rest.appendleft(request)
            self._continue()
            return
        now, self.running = self.running, _UNHEARD
        with contextlib.suppress(CommandError):
            self._handler(request)(self, request)
        self.running = now

    def _command_octets(self, data: bytes) -> bytes:
        taken, echo, body = self._line.feed(data)
        if self.settings.echo and echo:
            self._write(echo)
        if body is not None:
            self._after_return = True
            if not (self.faults.any and self._mishap(body)):
                self._run(body)
        return data[taken:]

    def _mishap(self, body: bytes) -> bool:
        """Apply the faults that are due at a command. Returns whether the command is lost."""
        take = self.faults.take
        if not any(name in body.upper() for name in _OF_THE_MODE):
            self._lose_settings()
        if take(Fault.ECHO_BACK):
            self.settings.echo = True
        if take(Fault.V0):
            self.settings.verbose = False
        if take(Fault.RING):
            self.ring()
        if take(Fault.URCS_ELSEWHERE):
            self.kept.urc_port = "uart1"
        if take(Fault.SIM_REMOVED) and self.card is not None:
            self._lose_card(self.active_slot, self.card)
        for fault, stat in ((Fault.REGISTRATION_LOST, SEARCHING), (Fault.REGISTRATION_DENIED, DENIED)):
            if take(fault):
                self.radio.cover(stat)
                self.timers.later(AWAY_S, partial(self.radio.cover, HOME))
        if take(Fault.RESET):
            self.reset()
            return True
        if take(Fault.STUCK_PROMPT):
            self._entry = TextEntry(_no_text, is_text=False, limit=0)
            self.state = State.TEXT
            return True
        return False

    def _lose_settings(self) -> None:
        """Apply the faults that change settings without the program's knowledge."""
        take = self.faults.take
        if take(Fault.SETTINGS_LOST):
            line = (self.settings.echo, self.settings.verbose, self.settings.quiet)
            self.settings = Settings.of(self.traits)
            self.settings.echo, self.settings.verbose, self.settings.quiet = line
        if take(Fault.TEXT_MODE):
            self.settings.cmgf = 1
        if take(Fault.NOT_READY):
            self._texts_ready_at = self.timers.now() + NOT_READY_S

    def _lose_card(self, slot: int, card: Sim) -> None:
        self.replace_card(slot, None)
        if any(line.startswith("+CPIN:") for line in self.traits.sim_ready_lines):
            self.unsolicited("+CPIN: NOT INSERTED")
        self.timers.later(AWAY_S, partial(self.replace_card, slot, card))

    def _run(self, body: bytes) -> None:
        self.running += 1
        try:
            if len(body) > self.traits.command_limit:
                raise CommandError
            line = self._typed = body.decode("latin-1")
            if self._playback is not None and self._playback.refuses(line):
                raise CommandError
            self._without_result = line.upper() in self.traits.without_result
            self._rest.extend(parse(line))
        except CommandError as error:
            self._finish(error)
            return
        self._continue()

    def _continue(self) -> None:
        """Run the rest of the command line until a command has to wait."""
        while self._rest:
            request = self._rest.popleft()
            self._name = request.name
            if self._hold is not None and self._holds(answer=False):
                self._held_back = partial(self._go_on, request, self.running)
                return
            try:
                flow = self._handler(request)(self, request)
            except CommandError as error:
                self._finish(error)
                return
            if flow is Flow.PENDING:
                if self.state is State.COMMAND:
                    self.state = State.EXECUTING
                return
        self._finish(None)

    def _handler(self, request: Request) -> Handler:
        handler = self.commands.get(request.name)
        if handler is None:
            raise CommandError
        if request.name in ABOUT_TEXTS and self.timers.now() < self._texts_ready_at:
            raise self.chance.choice((CommandError(), CmsError(500), CmeError(14), CmeError(515)))
        return handler

    # --- text after a prompt -----------------------------------------------------------------------

    def prompt(self, done: EntryHandler, *, is_text: bool, limit: int) -> Flow:
        """Ask for text; `done` gets it at Ctrl-Z. Of more than `limit` octets the rest is forgotten but one."""
        if self.faults.take(Fault.NO_PROMPT):
            self._later(1.0, self._fall_silent)
            self.state = State.EXECUTING
            return Flow.PENDING
        for line in self.traits.before_prompt:
            self.unsolicited(line)
        self._entry = TextEntry(done, is_text=is_text, limit=limit)
        self.state = State.TEXT
        odd = self.faults.take(Fault.ODD_PROMPT)
        self._write(self.chance.choice(ODD_PROMPTS) if odd else self.traits.prompt)
        return Flow.PENDING

    def _text_octets(self, data: bytes) -> bytes:
        entry = self._entry
        assert entry is not None  # noqa: S101 - TEXT begins with an entry
        if self._after_return:
            self._after_return = False
            if data[:1] == b"\n":  # the tail of the command's own CR LF
                return data[1:]
        end, octet = end_of_text(data)
        text = data[:end]
        if text and self.faults.take(Fault.OCTET_LOST):
            text = text[: len(text) // 2] + text[len(text) // 2 + 1 :]
        if len(text) > UART_OCTETS and self.faults.take(Fault.OVERRUN):
            text = text[:UART_OCTETS]
        if echoed := entry.echo(text, enabled=self.settings.echo):
            self._write(echoed)
        entry.add(text)
        if octet is None:
            return b""
        rest = data[end + 1 :]
        if octet == CTRL_Z and self.faults.take(Fault.CTRL_Z_LOST):
            return rest
        self._end_text(entry, cancelled=octet == ESCAPE)
        return rest

    def _end_text(self, entry: TextEntry, *, cancelled: bool) -> None:
        self._entry = None
        self.state = State.EXECUTING
        if self.traits.echoes_ctrl_z and self.settings.echo and not cancelled:
            self._write(b"\x1a")
        held, self._held = self._held, []
        for line in held:
            self.unsolicited(line)
        if cancelled:
            self._rest.clear()
            self._finish(None if self.traits.escape_answers_ok else CommandError())
            return
        try:
            if entry.finish() is Flow.PENDING:
                return
        except CommandError as error:
            self._finish(error)
            return
        self._continue()

    # --- octets out --------------------------------------------------------------------------------

    def info(self, line: str) -> None:
        """Add a line to the answer of the running command."""
        self._answer.append(line)

    def complete(self, error: CommandError | None = None) -> None:
        """A pending command is over."""
        if error is not None:
            self._finish(error)
        else:
            self._continue()

    def _fall_silent(self) -> None:
        """Drop a command without an answer."""
        self._rest.clear()
        self._answer.clear()
        self.state = State.COMMAND

    def fall_silent_after(self, delay_s: float) -> None:
        """The running command ends without a word, after a while."""
        self._later(delay_s, self._fall_silent)

    def complete_after(self, delay_s: float) -> None:
        """The running command ends, but late."""
        self._later(delay_s, self.complete)

    def _finish(self, error: CommandError | None) -> None:
        """End the command line: the answer so far, then the result (V.250, 5.7)."""
        self._rest.clear()
        settings = self.settings
        lines, self._answer = self._answer, []
        made = Made(tuple(lines), self._result(error).strip())
        self._on_answer(made)
        typed, self._typed = self._typed, ""
        if self._playback is not None and settings.verbose and not settings.quiet:
            pieces = self._playback.answer(typed, made)
            if pieces is not None:
                self._play(pieces)
                return
        answer = ""
        if lines:
            head = "\r\n" if settings.verbose else ""
            answer = head + "\r\n".join(lines) + "\r\n"
        silent = settings.quiet or (error is None and self._without_result)
        result = "" if silent else self._result(error)
        if self.faults.any:
            result = self._faulty(result)
        octets = (answer + result).encode("latin-1", "replace")
        if self.faults.take(Fault.ANSWER_LOST):
            octets = b""
        if self._hold is not None and self._holds(answer=True):
            self._held_back = partial(self._send, octets)
            return
        if self.faults.take(Fault.ANSWER_LATE):
            self.state = State.EXECUTING
            self._later(ANSWER_LATE_S, partial(self._send, octets))
        else:
            self._send(octets)

    def _result(self, error: CommandError | None) -> str:
        code = results.OK
        if error is not None:
            line = error.line(self.settings.cmee)
            if line is not None:
                return f"\r\n{line}\r\n" if self.settings.verbose else f"{line}\r"
            if type(error) is CommandError and self.traits.unknown_answer and self.settings.verbose:
                return f"\r\n{self.traits.unknown_answer}\r\n"
            code = results.NO_CARRIER if isinstance(error, CallEndedError) else results.ERROR
        return f"\r\n{results.VERBOSE[code]}\r\n" if self.settings.verbose else f"{code}\r"

    def _faulty(self, result: str) -> str:
        if self.faults.take(Fault.RESULT_LOST):
            return ""
        return result * 2 if self.faults.take(Fault.RESULT_TWICE) else result

    def _send(self, answer: bytes) -> None:
        """Send a final answer: the command has ended."""
        self.state = State.COMMAND
        if self.faults.any:
            self._send_spoiled(answer)
        else:
            self._write(answer)

    def _play(self, pieces: list[Piece]) -> None:
        """Send a recorded answer with its pauses. The command ends with the last octets that are no line end."""
        if self.faults.any:
            self._send(b"".join(piece.octets for piece in pieces))
            return
        self.state = State.EXECUTING
        self._play_on(deque(pieces))

    def _play_on(self, pieces: deque[Piece]) -> None:
        if not pieces:
            self._end_of_playing()
        elif pieces[0].pause_s:
            self._later(pieces[0].pause_s, partial(self._play_piece, pieces))
        else:
            self._play_piece(pieces)

    def _play_piece(self, pieces: deque[Piece]) -> None:
        piece = pieces.popleft()
        if not any(later.octets.strip() for later in pieces):
            self._end_of_playing()  # before the program can answer what it reads
        self._write(piece.octets)
        self._play_on(pieces)

    def _end_of_playing(self) -> None:
        if self.state is State.EXECUTING:
            self.state = State.COMMAND

    def _send_spoiled(self, answer: bytes) -> None:
        take, noise = self.faults.take, self.chance
        if take(Fault.NOISE):
            self._write(noise.randbytes(noise.randint(1, 6)).replace(b"\r", b"\xff"))
        if answer and take(Fault.GARBLED):
            at = noise.randrange(len(answer))
            answer = answer[:at] + bytes([answer[at] | 0x80]) + answer[at + 1 :]
        if take(Fault.URC_BEFORE):
            answer = self._aside() + answer
        middle = answer.find(b"\r\n", 2) + 2
        if 2 < middle < len(answer) and take(Fault.URC_INSIDE):
            answer = answer[:middle] + self._aside() + answer[middle:]
        if take(Fault.URC_AFTER):
            answer += self._aside()
        strays = b"".join(octets for fault, octets in STRAYS.items() if take(fault))
        if strays:
            self._output.write_in_pieces((strays, answer), STRAY_S)
        elif take(Fault.PAUSE_INSIDE):
            half = len(answer) // 2
            self._output.write_in_pieces((answer[:half], answer[half:]), PAUSE_S)
        elif answer and take(Fault.TRICKLE):
            self._output.write_in_pieces([answer[at : at + 3] for at in range(0, len(answer), 3)], TRICKLE_S)
        else:
            self._write(answer)

    def _aside(self) -> bytes:
        """Send a URC."""
        line = self.chance.choice(ASIDES).format(stat=self.radio.stat)
        return f"\r\n{line}\r\n".encode("latin-1")

    def unsolicited(self, line: str, *, awaited: bool = False) -> None:
        """Send an unsolicited line. It waits while text is entered (27.005, 3.5.1).

        `awaited`: the answer of the network to something that was asked; it is sent although the modem is silenced.
        """
        elsewhere = self.kept.urc_port not in (self.traits.urc_port, URCS_EVERYWHERE)
        if self.state is State.OFF or ((self.silenced or elsewhere) and not awaited):
            return
        if self.state is State.TEXT:
            self._held.append(line)
            return
        octets = f"\r\n{line}\r\n".encode("latin-1", "replace")
        if self.faults.take(Fault.URC_SPLIT):
            half = self.chance.randint(3, len(octets) - 3)
            self._output.write_in_pieces((octets[:half], octets[half:]), PAUSE_S)
        else:
            self._write(octets)


def _no_text(body: bytes) -> Flow | None:
    """Text typed at a prompt that another program left is not a message."""
    del body
    raise CmsError(304)
