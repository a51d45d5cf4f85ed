"""Turn the conversation of one port into a scenario test: a scripted modem that answers as the user's modem did.

python tools/scenario_from_transcript.py TRANSCRIPT NAME [FOLDER]

TRANSCRIPT: a file of `gatewayd watch PORT --raw`, a port's file of `gatewayd support`, or the lines that a port writes to the
log when it fails. It writes FOLDER/test_NAME.py, by default into tests/modem/port. Masked numbers, texts and PDUs become
made-up ones of the same length. CONTRIBUTING.md says how to go on.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "tests" / "modem" / "port"

_LINE: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ([><-]) (.*)$")
_SHOWN: Final = re.compile(r"\\r|\\n|\\t|\\x([0-9a-f]{2})|\^Z|ESC")
_CONTROLS: Final = {r"\r": "\r", r"\n": "\n", r"\t": "\t", "^Z": "\x1a", "ESC": "\x1b"}
_STATE: Final = re.compile(r"port \d+ is (\w+):")
_ENDED: Final = re.compile(r"\+CMGS: ?(\d+)|(\+CM[ES] ERROR:|ERROR)")
_BY_NAME: Final = ("AT+CMGS=", "AT+CMGW=")  # the test's own PDU may have another length
_MASKS: Final = re.compile(
    r"…(?P<tail>\d*)|\(SMS-(?P<kind>[A-Z-]+), (?P<octets>\d+) octets\)|\((?P<hex>\d+) octets in hexadecimal\)"
    r"|\((?P<count>\d+) characters[^)]*\)"
)
# A number of nobody stands for a masked one: of a SIM, a modem or a subscriber, and of a phone.
_ICCID, _FIFTEEN, _PHONE = "890010000000000", "00499901064", "99900000"
_WIDTH: Final = 100


@dataclass(slots=True)
class Conversation:
    """What a scripted modem needs, in the order of the transcript."""

    answers: dict[str, list[str]] = field(default_factory=dict)  # by command, "PDU" or "ESC"
    outcomes: list[str] = field(default_factory=list)  # of the parts: the names of the classes in modem.parts
    state: str = "up"  # the port's last one
    echo: bool = False  # still after ATE0


def read(lines: Iterable[str]) -> Conversation:
    """The conversation in the lines of a transcript; lines of other kinds are skipped. Raises ValueError without any command."""
    conversation, key, sent, reference = Conversation(), "", "", 0
    submits = quiet = False
    for direction, shown in (match.groups() for match in map(_LINE.search, lines) if match):
        if direction == "-":
            if state := _STATE.search(shown):
                conversation.state = state[1]
        elif direction == ">":
            quiet = quiet or sent.upper().startswith("ATE0")
            sent = _octets(shown).strip("\r")
            if sent.endswith("\x1a"):
                key = "PDU"
                if submits:
                    conversation.outcomes.append("InDoubt")
            else:
                key = "ESC" if sent == "\x1b" else _key(sent)
                submits = sent.startswith("AT+CMGS=")
            conversation.answers.setdefault(key, []).append("")
        elif key:
            octets = _octets(shown)
            if octets.strip("\x1b\r\n") == sent:  # the echo
                conversation.echo = conversation.echo or quiet
                continue
            if submits and key == "PDU" and (ended := _ENDED.search(octets)):
                conversation.outcomes[-1] = "Refused" if ended[2] else "Submitted"
                reference = int(ended[1] or reference)
            conversation.answers[key][-1] += _unmasked(octets, sent, reference)
    if not conversation.answers:
        raise ValueError("the file has no command: is it the transcript of a port?")
    return conversation


def test_of(conversation: Conversation, name: str) -> str:
    """The text of the test file."""
    rows = "".join(
        f"    {_literal(key)}: {_script(key, said)},\n" for key, said in conversation.answers.items()
    )
    count, names = len(conversation.outcomes), sorted(set(conversation.outcomes))
    states = [] if count else ["from modem.port.status import PortState"]
    imports = [f"from modem.parts import {', '.join(names)}"] if names else []
    parts = ", part" if count else ""
    orders = f"*(part(number) for number in range(1, {count + 1}))" if count else ""
    echo = ", echo=True" if conversation.echo else ""
    wait = f"len(work.outcomes) == {count}" if count else f'work.state is PortState("{conversation.state}")'
    checked = ", ".join(conversation.outcomes)
    check = f"    assert [type(result) for result in work.results] == [{checked}]\n" if count else ""
    prompted = ", prompted" if "prompted(" in rows else ""
    return f'''\
"""{name}: a user's conversation. Say here which modem and firmware it is, and what went wrong."""

from __future__ import annotations

{"".join(f"{line}{chr(10)}" for line in [*imports, *states])}from tests.conftest import eventually
from tests.modem.recording_work import RecordingWork{parts}
from tests.modem.running_port import running
from tests.modem.scripted_modem import Script, ScriptedModem{prompted}

# Each command with its answers in their order; the last one stays. Numbers, texts and PDUs are made up.
ANSWERS: dict[str, Script | list[Script]] = {{
{rows}}}


def test_{name}() -> None:
    work = RecordingWork({orders})
    with ScriptedModem(ANSWERS{echo}) as modem, running(modem.device, work):
        eventually(lambda: {wait})
{check}'''


def _key(command: str) -> str:
    by_name = command.startswith(_BY_NAME) or _MASKS.search(command)
    return command.partition("=")[0] if by_name else command


def _octets(shown: str) -> str:
    return _SHOWN.sub(lambda found: _CONTROLS.get(found[0]) or chr(int(found[1], 16)), shown)


def _unmasked(line: str, asked: str, reference: int) -> str:
    """A line with made-up values in place of the masked ones. `reference`: of the last submission, for its report."""

    def made(found: re.Match[str]) -> str:
        if found["kind"]:
            return _pdu(found["kind"], int(found["octets"]), reference)
        if found["hex"]:
            return "00" * int(found["hex"])
        if found["count"]:
            return _text(asked, int(found["count"]))
        tail: str = found["tail"]
        if len(tail) < 4:
            return _PHONE + tail
        return (_ICCID if "CCID" in asked.upper() else _FIFTEEN) + tail

    return _MASKS.sub(made, line)


def _text(asked: str, length: int) -> str:
    """So many characters; as an answer to +CUSD with its quotes and its coding scheme."""
    if "CUSD" in asked.upper() and length > 5:
        return f'"{"x" * (length - 5)}",15'
    return "x" * length


def _pdu(kind: str, octets: int, reference: int) -> str:
    """A TPDU of this kind and length, behind an empty service centre address (23.040, 9.2.2)."""
    address, stamp = "0C91999000000000", "62110321430000"
    if kind == "STATUS-REPORT":
        head = f"0006{reference:02X}{address}{stamp}{stamp}00"
        return head + "00" * max(0, octets - len(head) // 2 + 1)
    head = f"0004{address}0000{stamp}"
    room = max(0, octets - len(head) // 2)  # of the text, behind its length
    return f"{head}{room * 8 // 7:02X}" + "00" * room


def _script(key: str, said: list[str]) -> str:
    scripts = [f"prompted({_bytes(text)})" if _is_prompt(key, text) else _bytes(text) for text in said]
    if len(set(scripts)) == 1:
        return scripts[0]
    return "[\n" + "".join(f"        {script},\n" for script in scripts) + "    ]"


def _is_prompt(key: str, text: str) -> bool:
    return key in ("AT+CMGS", "AT+CMGW") and text.strip().endswith(">")


def _bytes(text: str) -> str:
    """A bytes literal, in pieces of a line's width."""
    data = text.encode("latin-1", "replace")
    pieces = [data[start : start + _WIDTH] for start in range(0, len(data), _WIDTH)] or [b""]
    literals = [repr(piece) for piece in pieces]
    return literals[0] if len(literals) == 1 else "(" + " ".join(literals) + ")"


def _literal(text: str) -> str:
    return repr(text) if '"' in text else f'"{text}"'


def main(arguments: list[str]) -> int:
    """Write the test of a transcript. Returns the exit code."""
    if len(arguments) not in (2, 3) or not re.fullmatch(r"[a-z][a-z0-9_]*", arguments[1]):
        sys.stderr.write(f"{__doc__}\nNAME has small letters, digits and underscores.\n")
        return 2
    source, name = Path(arguments[0]), arguments[1]
    target = (Path(arguments[2]) if len(arguments) == 3 else FOLDER) / f"test_{name}.py"
    try:
        conversation = read(source.read_text(encoding="utf-8", errors="replace").splitlines())
        with target.open("x", encoding="utf-8") as file:
            file.write(test_of(conversation, name))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{target} is written. Run: python -m pytest {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
