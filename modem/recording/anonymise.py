"""Keeps personal data out of a recording, by an allow-list: only what is known to be harmless stays as the modem said it.

Every replacement has the length of what it replaces, so that octets keep their times. Rules, in this order:

- the echo of the command, final results, and the sign `> ` stay;
- an answer whose form is known keeps its structure, with numbers of persons, cards, modems and places replaced;
- any other answer becomes its shape: random digits for digits, random letters for letters;
- lines that answer nothing (URCs) are left out;
- at the end, every number that was replaced is looked for again in every encoding, and the line that holds it becomes its shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from modem.at.responses import answers, is_spoken, result, tag
from modem.recording.line import Heard
from modem.recording.made_up import MadeUp
from modem.sms.gsm7 import encode_gsm7, encode_ucs2, pack

# Answers of settings and abilities. Words and short numbers in them stay.
_SETTINGS: Final = frozenset(
    {
        "+CPIN", "+CFUN", "+CSQ", "+CESQ", "+CSCS", "+CPMS", "+CNMI", "+CMGF", "+CSMS", "+CMMS", "+CMGL", "+CMGR", "+CMGS",
        "+CMGW", "+CMSS", "+CMGD", "+CNMA", "+CSMP", "+CSDH", "+CUSD", "+CTZU", "+CTZR", "+CIND", "+CPAS", "+CPINR", "+CSUS",
        "+CRC", "+CLIP", "+IPR", "+IFC", "+ICF", "+CMEE", "+GCAP", "+QPINC", "+QUIMSLOT", "+QDSIM", "+QURCCFG", "+QSIMSTAT",
        "+QINISTAT", "+SPIC", "+CSMINS", "+CLTS", "+GSMBUSY", "+SMSIMCFG", "+SWITCHSIM", "+DUALSIM", "+CNSMOD", "+CMGDA",
        "+AUTOCSQ", "^CPIN", "^CURC", "^USSDMODE", "^SYSINFO", "^HCSQ", "^SYSCFG", "^SIMST", "+ZPINPUK", "+ZCDRUN", "+ZOPRT",
        "+ZPAS", "+ZSNT", "+WIND", "+WSTR", "+WOPEN", "^SPIC", "^SCKS", "^SMGO", "^SSMSS", "#PCT", "#SIMSELECT", "#QSS",
        "#SELINT", "#SMSMODE", "+UPINCNT",
    }
)  # fmt: skip
_IDENTITIES: Final = frozenset({"I", "+CGMI", "+GMI", "+CGMM", "+GMM", "+CGMR", "+GMR"})
_REGISTRATIONS: Final = frozenset({"+CREG", "+CGREG", "+CEREG"})
_WORDS: Final = re.compile(r"[A-Za-z][A-Za-z0-9 _./+-]{0,24}")
_LONG: Final = 7  # digits: no setting has so many, and the shortest numbers of persons have eight
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-Fa-f]*[0-9])[0-9A-Fa-f]{12,}(?![0-9A-Za-z])")
_RUN: Final = re.compile(rf"\d{{{_LONG},}}")
_GROUPED: Final = re.compile(r"\+?\d(?:[ -]?\d){7,}")  # a number written in groups; a version has dots
_IMEI: Final = re.compile(r"(?<!\d)\d{14,16}(?!\d)")
_ICCID: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{18,20}|[0-9A-Fa-f]{17,20}[Ff]{1,3})(?![0-9A-Za-z])"
)
_IMSI: Final = re.compile(r"(?<!\d)\d{14,15}(?!\d)")
_COMMAND: Final = re.compile(r"(?:AT)?[+^*#!$%&\\]?[A-Z][A-Z0-9]{0,15}")
_STAMP: Final = re.compile(r'\+CCLK: *"?\d\d(?:\d\d)?/\d\d?/\d\d?,\d\d?:\d\d:\d\d(?:[+-]\d\d?)?"?')
_ERROR_WORDS: Final = re.compile(r"[A-Za-z][A-Za-z ,:/()-]{0,60}")
_SHORT_CODE: Final = re.compile(r" ?\d{1,4}")


class Anonymiser:
    """Makes answers harmless. One for each file, so that the same number becomes the same made-up one."""

    def __init__(self, made_up: MadeUp | None = None) -> None:
        self.made_up = made_up or MadeUp()

    def answer(self, command: str, heard: Iterable[Heard]) -> list[tuple[int, str]]:
        """The harmless form of an answer, as chunks. `command`: without its CR."""
        whole, times = "", list[int]()
        for piece in heard:
            text = piece.octets.decode("latin-1")
            whole += text
            times += [piece.at_ms] * len(text)
        kept, kept_times, end_to_drop = "", list[int](), 0
        for found in re.finditer(r"[^\r\n]+|[\r\n]+", whole):
            text, start = found[0], found.start()
            if text[0] in "\r\n":
                dropped = min(end_to_drop, len(text))
                new, start, end_to_drop = text[dropped:], start + dropped, 0
            else:
                harmless = self._line(command, text)
                if (
                    harmless is None
                ):  # a URC: with the line end before it, which is its own, and the one behind it
                    before = _line_end_of_its_own(kept)
                    kept, kept_times = kept[: len(kept) - before], kept_times[: len(kept_times) - before]
                    end_to_drop = 2
                    continue
                new = harmless
            kept += new
            kept_times += times[start : found.end()]
        return _chunks(kept, kept_times)

    def free_lines(self, heard: Iterable[Heard]) -> list[tuple[int, str]]:
        """The harmless form of lines that answer no command, as those after a restart."""
        chunks = []
        for piece in heard:
            text = re.sub(r"[^\r\n]+", lambda found: self._free(found[0]), piece.octets.decode("latin-1"))
            chunks.append((piece.at_ms, text))
        return chunks

    def sweep(self, text: str) -> str:
        """A whole text once more: what still holds a real number, in any encoding, becomes its shape."""
        for form in {form for digits in self.made_up.real for form in encodings(digits)}:
            if form in text.upper():
                text = re.sub(
                    re.escape(form), lambda found: self.made_up.shape(found[0]), text, flags=re.IGNORECASE
                )
        return text

    def _line(self, command: str, line: str) -> str | None:
        """One line of an answer; None for a URC."""
        if (
            line.strip() in ("", ">")
            or line == command
            or (line[:2].upper() == "AT" and command.startswith(line))
        ):
            return line
        if (final := result(line.strip())) is not None:
            return self._final(line) if not final.ok else line
        if line.startswith(command[:8]) and len(command) >= 8:  # an echo with an answer behind it
            return self.made_up.shape(line)
        name = asked_name(command)
        if tag(line) == name or (name in _REGISTRATIONS and answers(line, (name,))):
            return name + self._tagged(name, line[len(name) :])
        if line[0] in "+^*#!$%" or is_spoken(line):
            return line if _is_list_of_commands(command, line) else None
        return self._bare(command, line)

    def _final(self, line: str) -> str:
        head, colon, rest = line.partition(":")
        if _SHORT_CODE.fullmatch(rest.rstrip()) or _ERROR_WORDS.fullmatch(rest.strip() or "x"):
            return line
        return head + colon + self.made_up.shape(rest)

    def _tagged(self, name: str, rest: str) -> str:
        """What stands behind the name of the command that was asked."""
        if name in _SETTINGS:
            return _fields(rest, self._setting_field)
        kept = {"+CNUM": self._number_field, "+CSCA": self._number_field, "+COPS": self._operator_field}
        if name in kept:
            return _fields(rest, kept[name])
        if name == "+CCLK":
            known = _STAMP.fullmatch((name + rest).strip()) or set(rest) <= set(' :()"')
            return rest if known else self.made_up.shape(rest)
        return self._known_form(name)(rest)

    def _bare(self, command: str, line: str) -> str:
        """A line without a name: it answers only some commands."""
        name = asked_name(command)
        if name == "+CLAC" and _COMMAND.fullmatch(line.strip()):
            return line
        if name in ("+SPIC", "^SPIC") and re.fullmatch(r"[\d, ]{1,20}", line):
            return line
        return self._known_form(name)(line)

    def _known_form(self, name: str) -> Callable[[str], str]:
        """How the answer of a command that tells an identity or a place is made harmless. All other answers become shapes."""
        if name in _REGISTRATIONS:
            return self._registration
        if name in _IDENTITIES:
            return self._identity
        if "CCID" in name or name in ("+CRSM", "^SCID"):
            return self._card
        if name == "+CIMI":
            return lambda text: self._replaced(_IMSI, self.made_up.imsi, text)
        if name in ("+CGSN", "+GSN", "+SIMEI"):
            return lambda text: self._replaced(_IMEI, self.made_up.imei, text)
        return self.made_up.shape

    def _replaced(self, form: re.Pattern[str], made: Callable[[str], str], text: str) -> str:
        """A text that holds a number of this form and nothing else but blanks, quotes and a colon; else its shape."""
        rest = form.sub("", text)
        if rest == text or not set(rest) <= set(' :"'):
            return self.made_up.shape(text)
        return form.sub(lambda found: made(found[0]), text)

    def _identity(self, text: str) -> str:
        """Maker, model and revision stay; an IMEI in between, and anything that may be another number, does not."""
        text = _IMEI.sub(lambda found: self.made_up.imei(found[0]), text)
        spans = [found.span() for found in _IMEI.finditer(text)]
        return self._without_numbers(text, spans)

    def _card(self, text: str) -> str:
        def made(found: re.Match[str]) -> str:
            digits = found[0].upper()
            swapped = digits.startswith("98") and len(digits) == 20
            plain = _swapped(digits) if swapped else digits
            number = plain.rstrip("F")
            new = self.made_up.iccid(number) + plain[len(number) :]
            new = _swapped(new) if swapped else new
            return new.lower() if found[0].islower() else new

        return _ICCID.sub(made, text) if _ICCID.search(text) else self.made_up.shape(text)

    def _registration(self, rest: str) -> str:
        def field(text: str, place: int) -> str:
            bare = text.strip(' "')
            if place >= 2 and re.fullmatch(r"[0-9A-Fa-f]{4,8}", bare):
                return text.replace(bare, self.made_up.cell(bare))
            return self._setting_field(text, place)

        return _fields(rest, field)

    def _number_field(self, text: str, place: int) -> str:
        bare = text.strip(' "')
        if re.fullmatch(r"\+?\d{3,20}", bare):
            if place and len(bare) == 3:  # the type of the number (27.007, 7.1)
                return text
            return text.replace(bare, self.made_up.number(bare))
        if (number := _ucs2_number(bare)) is not None:
            made = encode_ucs2(self.made_up.number(number)).hex()
            return text.replace(bare, made.upper() if bare.isupper() or bare.isdecimal() else made)
        return text if not bare or re.fullmatch(r"\d{1,3}", bare) else self.made_up.shape(text)

    def _operator_field(self, text: str, place: int) -> str:
        """The network's name stays: it tells no person."""
        bare = text.strip(' "')
        known = _WORDS.fullmatch(bare) or re.fullmatch(r"\d{1,6}", bare) or not bare
        return self._setting_field(text, place) if known else self.made_up.shape(text)

    def _setting_field(self, text: str, place: int) -> str:
        del place
        bare = text.strip(' :"()')
        if _HEX.search(bare):
            return self.made_up.shape(text)
        allowed = re.fullmatch(r'[A-Za-z0-9 "(),:;/_.+*#=-]*', text)
        return self._without_numbers(text, []) if allowed else self.made_up.shape(text)

    def _without_numbers(self, text: str, spare: list[tuple[int, int]]) -> str:
        """A text without runs of digits and of hexadecimal octets that may be numbers, except those at `spare`."""

        def made(found: re.Match[str]) -> str:
            if any(start <= found.start() < end for start, end in spare):
                return found[0]
            if _HEX.fullmatch(found[0]) and not found[0].isdecimal():
                return self.made_up.shape(found[0])
            return re.sub(r"\d+", lambda run: self.made_up.digits(run[0]), found[0])

        for pattern in (_HEX, _GROUPED, _RUN):
            text = pattern.sub(made, text)
        return text

    def _free(self, line: str) -> str:
        """A line that came unasked: words and short numbers stay, as in `+CPIN: READY` and `^SIMST:1`."""
        if re.fullmatch(r"[A-Za-z+^*#!$%][A-Za-z0-9 +^*#!$%,:_\"-]{0,60}", line) and not re.search(
            r"\d{5,}", line
        ):
            name, colon, rest = line.partition(":")
            if not _HEX.search(rest) and (name.lstrip("+^*#!$%").replace(" ", "").isalnum()):
                return name + colon + _quoted_words(rest)
        return self.made_up.shape(line)


def asked_name(command: str) -> str:
    """The name of a command: `+CPMS` of `AT+CPMS?`, `I` of `ATI`."""
    found = re.match(r"AT([+^*#!$%][A-Z][A-Z0-9]*|&?[A-Z])", command.upper())
    return found[1] if found else ""


def encodings(digits: str) -> Iterable[str]:
    """A number in the forms in which it could hide: plain, with swapped nibbles, in UCS-2 and packed septets, in capitals."""
    yield digits
    for filled in (digits, digits + "F"):
        if len(filled) % 2 == 0:
            yield _swapped(filled)
    yield encode_ucs2(digits).hex().upper()
    yield digits.encode().hex().upper()
    with_letters = "".join(each for each in digits if each.isdecimal())
    # The first octets are enough: the last septets share theirs with what follows.
    yield pack(encode_gsm7(with_letters)).hex().upper()[: 2 * (7 * len(with_letters) // 8)]


def _swapped(digits: str) -> str:
    return "".join(digits[place + 1] + digits[place] for place in range(0, len(digits) - 1, 2))


def _ucs2_number(text: str) -> str | None:
    """A phone number in UCS-2 digits, as with AT+CSCS="UCS2"; None for anything else."""
    if len(text) % 4 or len(text) < 12 or not re.fullmatch(r"[0-9A-Fa-f]+", text):
        return None
    plain = bytes.fromhex(text).decode("utf-16-be", "replace")
    return plain if re.fullmatch(r"\+?\d{3,20}", plain) else None


def _fields(rest: str, made: Callable[[str, int], str]) -> str:
    """The text behind a name, with each field between commas outside quotes replaced. Fields count from 0."""
    head = re.match(r":?", rest)
    start = head.end() if head else 0
    fields, quoted, field = list[str](), False, ""
    for character in rest[start:]:
        if character == '"':
            quoted = not quoted
        if character == "," and not quoted:
            fields.append(field)
            field = ""
        else:
            field += character
    fields.append(field)
    return rest[:start] + ",".join(made(text, place) for place, text in enumerate(fields))


def _quoted_words(rest: str) -> str:
    return re.sub(
        r'"([^"]*)"',
        lambda found: (
            found[0] if re.fullmatch(r"[A-Z_]{1,8}|", found[1]) else '"' + "X" * len(found[1]) + '"'
        ),
        rest,
    )


def _is_list_of_commands(command: str, line: str) -> bool:
    return asked_name(command) == "+CLAC" and _COMMAND.fullmatch(line.strip()) is not None


def _line_end_of_its_own(kept: str) -> int:
    """How many characters at the end of an answer begin the next line, beside the end of the last one."""
    run = len(kept) - len(kept.rstrip("\r\n"))
    return min(2, run) if run == len(kept) or run > 2 else 0


def _chunks(text: str, times: list[int]) -> list[tuple[int, str]]:
    chunks: list[tuple[int, str]] = []
    for character, at in zip(text, times, strict=True):
        if chunks and chunks[-1][0] == at:
            chunks[-1] = (at, chunks[-1][1] + character)
        else:
            chunks.append((at, character))
    return chunks
