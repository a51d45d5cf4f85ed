"""A make of modem from a recording: the recorded commands are answered as recorded, all others as the nearest make does.

Each recorded command was once asked of the nearest make too, in the state of the recording: a ready card, registered, empty
memories. Where the make answers the same now, the recorded octets are sent. Where its answer differs, because another card is
in, a PIN is asked for or a text is stored, the differing fields are put into the recorded form.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from modem.recording.document import Chunk, Recording, RecordingError
from modem.simulator.core.config import BankConfig
from modem.simulator.core.faults import Faults
from modem.simulator.core.modem import Handler, Modem
from modem.simulator.core.network import Network
from modem.simulator.core.playback import Made, Piece
from modem.simulator.core.request import parse
from modem.simulator.core.results import CommandError
from modem.simulator.core.sim import ORANGE, card, imei
from modem.simulator.core.timers import Timers
from modem.simulator.core.traits import Traits
from modem.simulator.core.witness import Witness
from modem.simulator.personality import PERSONALITIES, Personality

# Their numbers are of the moment: those of the simulation count, in the recorded form.
_LIVE: Final = frozenset({"+CPMS", "+COPS", "+CCLK", "+CMGD", "+CMGW", "+CMGS", "+CMSS"})
_FIELD: Final = re.compile(r'"[^"]*"|[^,\s:"()]+')
_FINAL: Final = re.compile(
    r"(OK|ERROR|COMMAND NOT SUPPORT|NO CARRIER|TOO MANY PARAMETERS|\+C(ME|MS) ERROR:.*)"
)
_NOWHERE: Final = Path()  # the twin has no terminal
_REFERENCE_CARD: Final = 999_999
_REFERENCE_WAIT_S: Final = 300.0
_DELETION: Final = re.compile(r"\+CMGD=\d+")
_FILE_MEMORY: Final = re.compile(r'"([A-Z]{2})",(\d{1,5}),(\d{1,5})')


@dataclass(frozen=True, slots=True)
class _Recorded:
    """One command of a recording."""

    say: tuple[Chunk, ...]
    lines: tuple[str, ...]  # without the final result
    final: str  # "" where none was recorded
    baseline: Made | None  # what the nearest make answered in the state of the recording

    @property
    def ok(self) -> bool:
        return self.final in ("OK", "")


class Playback:
    """Answers the commands of one recording. Modems of the same recording share it; it does not change."""

    def __init__(self, recorded: Mapping[str, _Recorded]) -> None:
        self._recorded = recorded

    def refuses(self, command: str) -> bool:
        """Whether the recorded modem answered this command (without AT) with an error, so that it has no effect."""
        known = self._recorded.get(command.upper())
        return known is not None and not known.ok

    def knows(self, command: str) -> bool:
        """Whether this command was recorded."""
        return command.upper() in self._recorded

    def answer(self, command: str, made: Made) -> list[Piece] | None:
        """The octets for a command and the answer of the nearest make, with pauses; None where it was not recorded."""
        known = self._recorded.get(command.upper())
        if known is None:
            return None
        if not known.ok or known.baseline is None or not known.baseline.final.startswith("OK"):
            return _pieces(known.say)  # the make does not know it, or cannot do it
        if not made.final.startswith("OK"):
            return None  # a locked card, no network: the make says so
        lines = _merged(command, known, made)
        if lines is None:
            return None
        return _pieces(_with_lines(known, lines))


def personality(recording: Recording) -> Personality:
    """The make that a recording describes. Raises RecordingError where its nearest make does not exist."""
    nearest = PERSONALITIES.get(recording.make)
    if nearest is None:
        known = ", ".join(sorted(PERSONALITIES))
        raise RecordingError(f"the recording names the make {recording.make!r}, which there is not: {known}")
    traits = _traits(recording, nearest.traits)
    commands = _commands(recording, nearest, traits)
    return Personality(traits, commands, Playback(_recorded(recording, traits, commands)), only_own=True)


# The answers


def _recorded(recording: Recording, traits: Traits, commands: Mapping[str, Handler]) -> dict[str, _Recorded]:
    """Every command of the recording that stands for itself. Of one that was asked twice, the first answer counts."""
    twin = _Twin(traits, commands)
    found: dict[str, _Recorded] = {}
    for exchange in recording.exchanges:
        command = exchange.command
        if not command.startswith("AT") or not exchange.ask.endswith("\r"):
            continue
        body = command.removeprefix("AT")
        made = twin.ask(body)
        if body in found or not body or ">" in exchange.text:
            continue
        say = _without_echo(exchange.ask, exchange.say)
        text = "".join(piece for _, piece in say)
        lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
        final = lines.pop().strip() if lines and _FINAL.fullmatch(lines[-1].strip()) else ""
        if final == "OK" and _DELETION.fullmatch(body):
            made = Made(
                (), "OK"
            )  # it deleted the message that was written before it, which the twin does not have
        if text or final:
            found[body] = _Recorded(say, tuple(lines), final, made)
    return found


class _Twin:
    """A modem of the nearest make in the state of a recording, in a time of its own."""

    def __init__(self, traits: Traits, commands: Mapping[str, Handler]) -> None:
        self._now = 0.0
        timers = Timers(lambda: self._now)
        config = BankConfig(directory=_NOWHERE, ussd_s=0.1, submit_s=0.1)
        source = random.Random(1)  # noqa: S311 - repeatable
        network = Network(config, timers, source, Witness(10, None, lambda: 0.0), lambda: self._now)
        sim = card(_REFERENCE_CARD, ORANGE, traits.capacities.get("SM", config.storage), None)
        network.add(sim)
        self._timers = timers
        self._made: Made | None = None
        self._modem = Modem(
            traits=traits,
            commands=commands,
            cards=[sim],
            network=network,
            timers=timers,
            faults=Faults(source),
            imei=imei(_REFERENCE_CARD),
            write=lambda octets: None,
            on_answer=self._answered,
        )
        self._modem.power_on(warm=True)

    def ask(self, body: str) -> Made | None:
        """The answer to a command; None where it does not come in five minutes, or a prompt comes."""
        self._made = None
        if any(name in body for name in ("+CMGS=", "+CMGW=", "+CMSS=")):
            return None
        self._modem.feed(f"AT{body}\r".encode("latin-1"))
        until = self._now + _REFERENCE_WAIT_S
        while self._made is None and self._now < until:
            wait_s = self._timers.wait_s()
            if wait_s is None:
                break
            self._now += max(wait_s, 0.001)
            self._timers.run_due()
        return self._made

    def _answered(self, made: Made) -> None:
        self._made = made


def _merged(command: str, known: _Recorded, made: Made) -> list[str] | None:
    """The recorded lines with what differs now; None where the forms do not fit together."""
    baseline = known.baseline
    assert baseline is not None  # noqa: S101 - `answer` checked it
    live = not command.endswith("=?") and any(command.upper().startswith(name) for name in _LIVE)
    if made.lines == baseline.lines and not live:
        return list(known.lines)
    if not len(made.lines) == len(baseline.lines) == len(known.lines):
        return None
    merged = []
    for recorded, before, now in zip(known.lines, baseline.lines, made.lines, strict=True):
        line = _merged_line(recorded, before, now, live=live)
        if line is None:
            return None
        merged.append(line)
    return merged


def _merged_line(recorded: str, before: str, now: str, *, live: bool) -> str | None:
    fields, was, is_now = (list(_FIELD.finditer(line)) for line in (recorded, before, now))
    if not len(fields) == len(was) == len(is_now):
        return recorded if before == now and not live else None
    line, at = "", 0
    for field, old, new in zip(fields, was, is_now, strict=True):
        line += recorded[at : field.start()]
        differs = old[0] != new[0] or (live and field.start() > 0)
        line += _in_form(field[0], new[0]) if differs else field[0]
        at = field.end()
    return line + recorded[at:]


def _in_form(recorded: str, now: str) -> str:
    """A value in the quotes of the recorded one, and with its filler."""
    bare = now.strip('"')
    quoted = recorded.startswith('"')
    filler = re.search(r'F{1,3}(?="?$)', recorded)
    if filler is not None and bare.rstrip("F").isdecimal() and len(bare.rstrip("F")) > 16:
        bare = bare.rstrip("F") + filler[0]
    return f'"{bare}"' if quoted else bare


def _with_lines(known: _Recorded, lines: Sequence[str]) -> tuple[Chunk, ...]:
    """The recorded chunks with other information lines. Where one has another length, all comes with the first chunk."""
    text = "".join(piece for _, piece in known.say)
    at, new = 0, ""
    for old, line in zip(known.lines, lines, strict=True):
        place = text.index(old, at)
        new += text[at:place] + line
        at = place + len(old)
    new += text[at:]
    if len(new) != len(text):
        return ((known.say[0][0], new),) if known.say else ()
    chunks, start = list[Chunk](), 0
    for at_ms, piece in known.say:
        chunks.append((at_ms, new[start : start + len(piece)]))
        start += len(piece)
    return tuple(chunks)


def _pieces(say: Iterable[Chunk]) -> list[Piece]:
    pieces, before = list[Piece](), 0
    for at_ms, text in say:
        pieces.append(Piece(max(0, at_ms - before) / 1000, text.encode("latin-1")))
        before = at_ms
    return pieces


def _without_echo(ask: str, say: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
    """The answer without the echo of its command: the simulator echoes by its own setting."""
    text = "".join(piece for _, piece in say)
    echoed = len(ask) if text.startswith(ask) else len(ask) - 1 if text.startswith(ask[:-1]) else 0
    chunks = list[Chunk]()
    for at_ms, piece in say:
        taken = min(echoed, len(piece))
        echoed -= taken
        if piece[taken:]:
            chunks.append((at_ms, piece[taken:]))
    return tuple(chunks)


# The properties


def _traits(recording: Recording, nearest: Traits) -> Traits:
    """The properties of the nearest make, with those that the recording shows."""
    said = {each.command.removeprefix("AT"): each for each in reversed(recording.exchanges)}
    traits = replace(
        nearest,
        manufacturer=recording.modem.manufacturer or nearest.manufacturer,
        model=recording.modem.model or nearest.model,
        revision=recording.modem.revision or nearest.revision,
    )
    if (first := next(iter(recording.exchanges), None)) is not None and first.command == "ATE0V1Q0":
        traits = replace(traits, echo=first.text.startswith("AT"))
    traits = _with_memories(traits, said.get("+CPMS=?"), [said.get("+CPMS?")])
    traits = _with_notifications(traits, recording)
    if (prompt := _prompt(recording)) is not None:
        traits = replace(traits, prompt=prompt)
    if (unknown := _final_of(said.get("+GATEWAYD"))) and not unknown.startswith("+"):
        traits = replace(traits, unknown_answer=None if unknown == "ERROR" else unknown)
    if recording.boot:
        traits = replace(traits, boot_lines=_boot_lines(recording), sim_ready_lines=())
    return traits


def _with_memories(traits: Traits, listed: object, told: Sequence[object]) -> Traits:
    text = getattr(listed, "text", "")
    groups = [tuple(re.findall(r'"?([A-Z]{2})"?', group)) for group in re.findall(r"\(([^()]*)\)", text)]
    groups = [group for group in groups if group]
    if 1 <= len(groups) <= 3:
        names = {name for group in groups for name in group}
        own = {name: traits.capacities.get(name, 20) for name in names - {"SM"}}
        start = tuple(traits.memories_at_start[: len(groups)]) + ("SM",) * 3
        traits = replace(
            traits,
            storage=tuple(groups),
            capacities=own,
            nested_memories=bool(re.search(r"\(\s*\(", text)),
            memories_at_start=tuple(
                name if name in group else group[0] for name, group in zip(start, groups, strict=False)
            )
            + ("SM",) * (3 - len(groups)),
        )
    for exchange in told:
        for name, _, total in _FILE_MEMORY.findall(getattr(exchange, "text", "")):
            if name in traits.capacities and int(total):
                traits = replace(traits, capacities={**traits.capacities, name: int(total)})
    return traits


def _with_notifications(traits: Traits, recording: Recording) -> Traits:
    """The forms of +CNMI: the modem accepts a value that it was seen to accept, and else those that it lists.

    Without a list, those of the nearest make.
    """
    listed = next((each.text for each in recording.exchanges if each.command == "AT+CNMI=?"), "")
    values = [_numbers(group) for group in re.findall(r"\(([\d,\s-]*)\)", listed)[:5]]
    shown = re.search(r"\+CNMI: *([^\r\n]*)", listed)
    if len(values) != 5 or not all(values):
        values, shown = [set(accepted) for accepted in traits.cnmi_values], None
    tried = [
        (tuple(map(int, match[1].split(","))), _final_of(each))
        for each in recording.exchanges
        if (match := re.fullmatch(r"AT\+CNMI=(\d(?:,\d){4})", each.command))
    ]
    for place in range(5):
        taken = {form[place] for form, final in tried if final == "OK"}
        refused = {form[place] for form, final in tried if final != "OK"} - taken
        if taken:
            values[place] = (values[place] | taken) - refused
    return replace(
        traits,
        cnmi_values=tuple(map(frozenset, values)),
        cnmi_shown=shown[1] if shown else traits.cnmi_shown,
        # A value that it refuses cannot be in force.
        cnmi_at_start=tuple(
            value if value in accepted else min(accepted, default=value)
            for value, accepted in zip(traits.cnmi_at_start, values, strict=True)
        ),
    )


def _numbers(group: str) -> set[int]:
    numbers = set[int]()
    for part in group.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (not last or last.isdecimal()):
            numbers |= set(range(int(first), int(last or first) + 1)[:10])
    return numbers


def _prompt(recording: Recording) -> bytes | None:
    for exchange in recording.exchanges:
        if exchange.command.startswith(("AT+CMGW=", "AT+CMGS=")) and exchange.text.rstrip().endswith(">"):
            text = "".join(piece for _, piece in _without_echo(exchange.ask, exchange.say))
            return text[text.rfind("\n>") - 1 if "\r\n>" in text else text.rfind(">") :].encode("latin-1")
    return None


def _boot_lines(recording: Recording) -> tuple[tuple[float, str], ...]:
    lines = list[tuple[float, str]]()
    for at_ms, text in recording.boot:
        lines += [(at_ms / 1000, line) for line in re.split(r"[\r\n]+", text) if line.strip()]
    first = lines[0][0] if lines else 0.0
    return tuple((at - first, line) for at, line in lines if _FINAL.fullmatch(line.strip()) is None)


def _final_of(exchange: object) -> str:
    lines = [line.strip() for line in re.split(r"[\r\n]+", getattr(exchange, "text", "")) if line.strip()]
    return lines[-1] if lines and _FINAL.fullmatch(lines[-1]) else ""


def _commands(recording: Recording, nearest: Personality, traits: Traits) -> dict[str, Handler]:
    """The commands of the nearest make, those that the recording refuses in every form left out, and its other ones."""
    commands = Personality(traits, nearest.own_commands).commands()
    forms: dict[str, list[bool]] = {}
    for exchange in recording.exchanges:
        try:
            requests = parse(exchange.command.removeprefix("AT")) if exchange.ask.endswith("\r") else []
        except CommandError:
            continue
        if len(requests) == 1 and requests[0].name[:1] in "+^#!*$%" and exchange.say:
            forms.setdefault(requests[0].name, []).append(_final_of(exchange) in ("OK", ""))
    for name, outcomes in forms.items():
        if not any(outcomes) and name not in _NEEDED:
            commands.pop(name, None)
        elif any(outcomes) and name not in commands:
            commands[name] = _recorded_only
    return commands


_NEEDED: Final = frozenset({"+CMGS", "+CMGD", "+CMGR", "+CMGL", "+CPIN", "+CMSS", "+CMGW"})
"""They are asked with `=?` alone, which some modems refuse although they know the command."""


def _recorded_only(modem: Modem, request: object) -> None:
    """A command that the nearest make does not know: only its recorded forms are answered."""
    del modem, request
    raise CommandError
