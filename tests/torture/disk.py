"""What a disk may hold after a power cut, from a record of everything that was written to it (see `shim.c`).

Synced data are certain: a file's content by a sync of that file, its name by a sync of its folder. Of all else any part
may be there: of what was written any sectors, of the changes to the folder any number in their order.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

SECTOR = 512
_HEAD = struct.Struct("=IIqqqq")


class Kind(IntEnum):
    """As in `shim.c`."""

    CREATED = 1
    OPENED = 2
    WROTE = 3
    TRUNCATED = 4
    SYNCED = 5
    FOLDER_SYNCED = 6
    REMOVED = 7
    RENAMED = 8


@dataclass(frozen=True, slots=True)
class Record:
    """One call that changed the disk. Times are seconds since the epoch."""

    kind: Kind
    file: int
    began: float
    ended: float
    offset: int
    data: bytes  # the written octets, or the names


def read(log: Path) -> list[Record]:
    """All records. An incomplete last one is left out."""
    found, octets, at = [], log.read_bytes(), 0
    while at + _HEAD.size <= len(octets):
        kind, file, began, ended, offset, length = _HEAD.unpack_from(octets, at)
        at += _HEAD.size
        if at + length > len(octets):
            break
        data = octets[at : at + length]
        at += length
        found.append(Record(Kind(kind), file, began / 1e9, ended / 1e9, offset, data))
    return found


@dataclass(slots=True, eq=False)
class _File:
    sure: bytearray = field(default_factory=bytearray)
    unsure: list[Record] = field(default_factory=list)


class Disk:
    """Follows the records, one after the other."""

    def __init__(self) -> None:
        self._names: dict[str, _File] = {}  # certain
        self._changes: list[tuple[str, _File | None]] = []  # changes of the folder since its last sync
        self._files: dict[int, _File] = {}

    def take(self, record: Record) -> None:
        """Apply the next record."""
        match record.kind:
            case Kind.CREATED:
                self._files[record.file] = _File()
                self._changes.append((_name(record.data), self._files[record.file]))
            case Kind.WROTE | Kind.TRUNCATED:
                self._files[record.file].unsure.append(record)
            case Kind.SYNCED:
                file = self._files[record.file]
                file.sure = _whole(file)
                file.unsure = []
            case Kind.FOLDER_SYNCED:
                self._names = self._now(len(self._changes))
                self._changes = []
            case Kind.REMOVED:
                self._changes.append((_name(record.data), None))
            case Kind.RENAMED:
                old, new = map(_name, record.data.split(b"\n"))
                self._changes += [(new, self._now(len(self._changes))[old]), (old, None)]
            case Kind.OPENED:
                pass

    def contents(self) -> dict[str, bytes]:
        """The files as programs see them: every write, synced or not."""
        return {name: bytes(_whole(file)) for name, file in self._now(len(self._changes)).items()}

    def after_power_cut(self, chance: random.Random) -> dict[str, bytes]:
        """Files that the disk may hold after a power cut."""
        names = self._now(chance.choice((0, len(self._changes), chance.randint(0, len(self._changes)))))
        return {name: _torn(file, chance) for name, file in names.items()}

    def _now(self, changes: int) -> dict[str, _File]:
        names = dict(self._names)
        for name, file in self._changes[:changes]:
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file
        return names


def _name(path: bytes) -> str:
    return path.decode().rsplit("/", 1)[-1]


def _whole(file: _File) -> bytearray:
    content = bytearray(file.sure)
    for record in file.unsure:
        _apply(content, record)
    return content


def _apply(content: bytearray, record: Record) -> None:
    if record.kind is Kind.TRUNCATED:
        _resize(content, record.offset)
        return
    end = record.offset + len(record.data)
    if end > len(content):
        _resize(content, end)
    content[record.offset : end] = record.data


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


def _torn(file: _File, chance: random.Random) -> bytes:
    """The synced content, and a random choice of the other sectors."""
    content = bytearray(file.sure)
    if not file.unsure:
        return bytes(content)
    last = chance.choice((0, chance.randint(0, len(file.unsure))))
    share = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
    for number, record in enumerate(file.unsure):
        # The writes in order up to some point; after that point each sector by chance.
        if number < last:
            _apply(content, record)
        elif record.kind is Kind.TRUNCATED:
            if chance.random() < share:
                _apply(content, record)
        else:
            for piece in _sectors(record):
                if chance.random() < share:
                    _apply(content, piece)
    _guess_size(content, file, chance)
    return bytes(content)


def _sectors(record: Record) -> Iterator[Record]:
    at, end = record.offset, record.offset + len(record.data)
    while at < end:
        following = min((at // SECTOR + 1) * SECTOR, end)
        data = record.data[at - record.offset : following - record.offset]
        yield Record(record.kind, record.file, record.began, record.ended, at, data)
        at = following


def _guess_size(content: bytearray, file: _File, chance: random.Random) -> None:
    """The size is stored apart from the data: it may be written before them, so that zeros or old octets stand there, or not at all."""
    choice = chance.randrange(4)
    if choice == 0:
        whole = len(_whole(file))
        if whole > len(content):
            content.extend(bytes(whole - len(content)))
    elif choice == 1:
        whole = len(_whole(file))
        if whole > len(content):
            content.extend(chance.randbytes(whole - len(content)))
    elif choice == 2 and not any(record.kind is Kind.TRUNCATED for record in file.unsure):
        del content[len(file.sure) :]
