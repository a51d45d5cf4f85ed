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
from modem.work import Claim, InDoubt, Refused, Submission, Submitted

_SIZE: Final = 128
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


@dataclass(frozen=True, slots=True)
class Noted:
    """What an older process left in a note."""

    claim: Claim
    phase: Phase
    result: Submitted | Refused | None = None


class HandoverNote:
    """See the module. Used from the port's thread."""

    def __init__(self, fd: int) -> None:
        """`fd`: of a file as `create` makes. Raises OSError, ValueError where it is none."""
        os.truncate(fd, _SIZE)
        self._memory = mmap.mmap(fd, _SIZE)

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
        return Noted(Claim(message_id, seq, token), phase, result)

    def begin(self, submission: Submission) -> None:
        """A part was claimed, and nothing of it is said yet."""
        self._write(Phase.BEGUN, submission)

    def type(self) -> None:
        """The PDU is about to be written, or the modem about to be told to send it."""
        if self._memory[_PHASE] == Phase.BEGUN:
            self._memory[_PHASE] = Phase.TYPED

    def end(self, submission: Submission, result: Submitted | Refused | InDoubt, vendor: str = "") -> None:
        """What the modem answered. A part in doubt stays as it is: the answer may still come.

        `vendor`: by whose table the code of a refusal was read.
        """
        if isinstance(result, Submitted):
            self._write(Phase.SUBMITTED, submission, reference=result.reference)
        elif isinstance(result, Refused):
            why = result.cause
            self._write(Phase.REFUSED, submission, code=why.code, family=why.family, vendor=vendor)

    def clear(self) -> None:
        """No part is in the air: the house knows what became of the last one."""
        self._memory[_PHASE] = Phase.NOTHING

    def close(self) -> None:
        """Give the memory back; what it says stays where another descriptor is kept."""
        self._memory.close()

    def _write(
        self,
        phase: Phase,
        part: Submission,
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
