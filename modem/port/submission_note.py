"""What a port hands over and how far it got, in memory that outlives the process.

The memory is a file without a name (memfd_create(2)), which the service manager keeps open while the process is away. So a
process that was killed leaves word of the part that was in the air, at no cost of a write to the disk. Without a
service manager that keeps it, it ends with the process.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from modem.errors import cause
from modem.parts import InDoubt, Refused, Submission, Submitted
from modem.port.interface import Claim

_HEARD_AT: Final = 128  # where lies what the modem said since the PDU was typed
_SIZE: Final = _HEARD_AT + 4096  # an answer has some 30 octets; URCs and an echo may come before it
_SILENCE: Final = bytes(_SIZE - _HEARD_AT)
_BODY: Final = struct.Struct("<QQQhi8s16s")  # claim, TP-MR; code, family and vendor of a refusal
_NONE: Final = -1
_PHASE: Final = 0  # where the phase stands: one octet, written last, so that a kill leaves no half of a note
_LAYOUT: Final = 1  # where the version stands
_VERSION: Final = 1
_BODY_AT: Final = 8


class Phase(IntEnum):
    """How far a part got."""

    NOTHING = 0  # no part is in the air
    BEGUN = 1  # claimed; nothing of it was said to the network
    TYPED = 2  # its PDU is being written, or was; the modem's answer was not read
    SUBMITTED = 3  # the network took it
    REFUSED = 4
    DOUBT = 5  # it was given up on without an answer, and other commands may have been said since


@dataclass(frozen=True, slots=True)
class Noted:
    """What an older process left in a note."""

    claim: Claim
    phase: Phase
    result: Submitted | Refused | None = None
    heard: bytes = b""  # what the older process read since then, and perhaps did not come to look at


class SubmissionNote:
    """See the module. Used from the port's thread."""

    def __init__(self, fd: int) -> None:
        """`fd`: of a file as `create` makes. Raises OSError, ValueError where it is none."""
        os.truncate(fd, _SIZE)
        self._memory = mmap.mmap(fd, _SIZE)
        self._heard_to = _SIZE  # where the next octets of the modem go

    @staticmethod
    def create() -> int:
        """The descriptor of a new, empty note. Raises OSError."""
        return os.memfd_create("gatewayd-handover")

    def read(self) -> Noted | None:
        """What was left; None where no part is in the air, or a newer version wrote it."""
        if (
            self._memory[_LAYOUT] != _VERSION
            or self._memory[_PHASE] not in _PHASES
            or not self._memory[_PHASE]
        ):
            return None
        phase = Phase(self._memory[_PHASE])
        message_id, seq, token, reference, code, family, vendor = _BODY.unpack_from(self._memory, _BODY_AT)
        result: Submitted | Refused | None = None
        if phase is Phase.SUBMITTED:
            result = Submitted(None if reference == _NONE else reference)
        elif phase is Phase.REFUSED:
            result = Refused(cause(_text(family), None if code == _NONE else code, vendor=_text(vendor)))
        heard = self._memory[_HEARD_AT:].rstrip(b"\0") if phase is Phase.TYPED else b""
        return Noted(Claim(message_id, seq, token), phase, result, heard)

    def hear(self, fd: int, size: int) -> bytes:
        """As os.read(2), but while an answer is awaited the kernel writes into the note itself: however early the process
        ends after that, the octets are not lost.
        """
        room = min(size, _SIZE - self._heard_to)
        if self._memory[_PHASE] != Phase.TYPED or not room:
            return os.read(fd, size)
        with memoryview(self._memory) as memory, memory[self._heard_to : self._heard_to + room] as free:
            count = os.readv(fd, [free])
            data = bytes(free[:count])
        self._heard_to += count
        return data

    def begin(self, submission: Submission) -> None:
        """A part was claimed, and nothing of it is said yet."""
        self._write(Phase.BEGUN, submission)

    def type(self) -> None:
        """The PDU is about to be written, or the modem about to be told to send it; also once more after a refusal."""
        if self._memory[_PHASE] in (Phase.BEGUN, Phase.TYPED):
            self._memory[_HEARD_AT:] = _SILENCE
            self._heard_to = _HEARD_AT
            self._memory[_PHASE] = Phase.TYPED

    def end(self, part: Submission | Claim, result: Submitted | Refused | InDoubt, vendor: str = "") -> None:
        """What the modem answered. To a part in doubt the answer may still come.

        `vendor`: by whose table the code of a refusal was read.
        """
        if isinstance(result, Submitted):
            self._write(Phase.SUBMITTED, part, reference=result.reference)
        elif isinstance(result, Refused):
            why = result.cause
            self._write(Phase.REFUSED, part, code=why.code, family=why.family, vendor=vendor)
        else:
            self._write(Phase.DOUBT, part)

    def clear(self) -> None:
        """No part is in the air: the house knows what became of the last one."""
        self._memory[_PHASE] = Phase.NOTHING

    def close(self) -> None:
        """Give the memory back; what it says stays where another descriptor is kept."""
        self._memory.close()

    def _write(
        self,
        phase: Phase,
        part: Submission | Claim,
        *,
        reference: int | None = None,
        code: int | None = None,
        family: str = "",
        vendor: str = "",
    ) -> None:
        self._memory[_PHASE] = Phase.NOTHING
        numbers = (_NONE if number is None else number for number in (reference, code))
        words = (word.encode("latin-1") for word in (family, vendor))
        _BODY.pack_into(self._memory, _BODY_AT, part.message_id, part.seq, part.token, *numbers, *words)
        self._memory[_LAYOUT] = _VERSION
        self._memory[_PHASE] = phase


_PHASES: Final = frozenset(Phase)


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("latin-1")
