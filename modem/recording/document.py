"""The file format of a recording: JSON, version 1. `docs/recordings.md` describes it for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

FORMAT: Final = "gatewayd modem recording"
VERSION: Final = 1

LARGEST: Final = 1 << 20
"""The largest file that is read, in bytes. A recording has 20 to 60 kB."""


class RecordingError(Exception):
    """The file is no recording; the text says why."""


def _octets(text: str) -> str:
    """Each character of a text stands for one octet (ISO 8859-1)."""
    if any(ord(each) > 0xFF for each in text):
        raise ValueError("may hold only the characters of ISO 8859-1, one for each octet")
    return text


def _one_command(text: str) -> str:
    if not text.endswith(("\r", "\x1a")) or "\r" in text[:-1] or "\n" in text:
        raise ValueError("must be one command with CR at its end, or a PDU with Ctrl-Z")
    return text


Octets = Annotated[str, Field(max_length=8192), AfterValidator(_octets)]
Milliseconds = Annotated[int, Field(ge=0, le=600_000)]
Chunk = Annotated[tuple[Milliseconds, Octets], Field(strict=False)]
"""Octets that came together, and when: in milliseconds after the command was written, or after the restart."""

Note = Annotated[str, Field(max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Source(_Part):
    """The origin of a recording."""

    kind: Literal["recorded", "published", "simulated"]
    by: Note  # the program or the person that wrote it
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    references: Annotated[tuple[Note, ...], Field(strict=False, max_length=50)] = ()  # of published facts
    notes: Annotated[tuple[Note, ...], Field(strict=False, max_length=100)] = ()


class Identity(_Part):
    """The modem as it names itself."""

    manufacturer: Note
    model: Note
    revision: Note = ""


class Exchange(_Part):
    """One command and its answer, echo included. An answer of no chunks is silence."""

    ask: Annotated[Octets, AfterValidator(_one_command)]
    say: Annotated[tuple[Chunk, ...], Field(strict=False, max_length=1000)]

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(text for _, text in self.say)

    @property
    def command(self) -> str:
        """The command without its end, in capitals."""
        return self.ask[:-1].upper()


class Recording(_Part):
    """A modem's side of a conversation."""

    format: Literal["gatewayd modem recording"] = "gatewayd modem recording"
    version: Literal[1] = 1
    source: Source
    modem: Identity
    make: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]  # the simulated make that is nearest
    slots: Annotated[int, Field(ge=1, le=64)] = 1
    quirks: Annotated[tuple[Note, ...], Field(strict=False, max_length=50)] = ()  # for the table of modems
    exchanges: Annotated[tuple[Exchange, ...], Field(strict=False, max_length=2000)]
    boot: Annotated[tuple[Chunk, ...], Field(strict=False, max_length=1000)] = ()  # after a restart


def read(path: Path) -> Recording:
    """Read a recording. Raises RecordingError with each fault of the file."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from error
    return parse(raw, str(path))


def parse(raw: bytes, name: str = "recording") -> Recording:
    """Read a recording from the bytes of a file. `name` stands in error texts. Raises RecordingError."""
    if len(raw) > LARGEST:
        raise RecordingError(f"{name}: is larger than {LARGEST >> 20} MiB: this is no recording")
    try:
        tree = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{name}: is not JSON: {error}") from error
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise RecordingError(f"{name}: is no recording of a modem: it lacks the format {FORMAT!r}")
    if isinstance(tree.get("version"), int) and tree["version"] > VERSION:
        raise RecordingError(f"{name}: has version {tree['version']}: a newer gatewayd can read it")
    try:
        return Recording.model_validate(tree)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise RecordingError(
            "\n".join(f"{name}: {_place(fault['loc'])}: {fault['msg']}" for fault in faults[:20])
        ) from error


def text_of(recording: Recording) -> str:
    """A recording as the text of its file: one line for each chunk, so that a person can read it before sharing it."""
    tree = recording.model_dump(mode="json")
    lines = []
    for key, value in tree.items():
        if key in ("exchanges", "boot"):
            rows = value if key == "boot" else [_exchange(each) for each in value]
            body = ",\n".join(f"  {row if isinstance(row, str) else _json(row)}" for row in rows)
            lines.append(f" {_json(key)}: [\n{body}\n ]" if rows else f" {_json(key)}: []")
        else:
            lines.append(f" {_json(key)}: {_json(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _exchange(tree: dict[str, object]) -> str:
    said = tree["say"]
    assert isinstance(said, list)  # noqa: S101 - by the model
    chunks = ", ".join(_json(chunk) for chunk in said)
    return f'{{"ask": {_json(tree["ask"])}, "say": [{chunks}]}}'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True)


def _place(location: Sequence[int | str]) -> str:
    return ".".join(map(str, location)) or "recording"
