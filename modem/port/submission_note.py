"""A note of the part being submitted and how far it got, in memory that outlives the process.

The memory is a file without a name (memfd_create(2)) that the service manager keeps open while the daemon restarts. So the
next process learns about the part that was being submitted when the last one was killed, without a write to the disk. Without
a service manager, the note ends with the process.
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

_HEARD_AT: Final = 128  # offset of what the modem sent since the PDU was written
_SIZE: Final = _HEARD_AT + 4096  # an answer has some 30 octets; URCs and an echo may come before it
_SILENCE: Final = bytes(_SIZE - _HEARD_AT)
_BODY: Final = struct.Struct("<QQQhi8s16s")  # claim, TP-MR; code, family and vendor of a refusal
_NONE: Final = -1
_PHASE: Final = 0  # offset of the phase: one octet, written last, so that a kill leaves no incomplete note
_LAYOUT: Final = 1  # offset of the version
_VERSION: Final = 1
_BODY_AT: Final = 8


class Phase(IntEnum):
    """The progress of a part."""

    NOTHING = 0  # no part is being submitted
    BEGUN = 1  # claimed; the modem has not got the PDU
    TYPED = 2  # the PDU is being written, or was; the modem's answer was not read
    SUBMITTED = 3  # the network took it
    REFUSED = 4
    DOUBT = 5  # the time limit passed without an answer; other commands may have been sent since


@dataclass(frozen=True, slots=True)
class Noted:
    """The content of a note that an older process left."""

    claim: Claim
    phase: Phase
    result: Submitted | Refused | None = None
    heard: bytes = b""  # what the older process read since then, and perhaps did not sort


class SubmissionNote:
    """One note. Used from the port's thread only."""

    def __init__(self, fd: int) -> None:
        """`fd`: of a file that `create` made. Raises OSError, ValueError for any other."""
        os.truncate(fd, _SIZE)
        self._memory = mmap.mmap(fd, _SIZE)
        self._heard_to = _SIZE  # offset of the next octets from the modem

    @staticmethod
    def create() -> int:
        """Return the descriptor of a new, empty note. Raises OSError."""
        return os.memfd_create("gatewayd-handover")

    def read(self) -> Noted | None:
        """Return the content; None where no part is being submitted, or another version wrote it."""
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
        """Read as os.read does. While an answer is awaited, the kernel writes into the note itself, so that the octets are
        not lost even if the process is killed right after that.
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
        """A part was claimed, and the modem has not got it yet."""
        self._write(Phase.BEGUN, submission)

    def type(self) -> None:
        """The PDU, or the command that sends it, is about to be written; also for a second try after a refusal."""
        if self._memory[_PHASE] in (Phase.BEGUN, Phase.TYPED):
            self._memory[_HEARD_AT:] = _SILENCE
            self._heard_to = _HEARD_AT
            self._memory[_PHASE] = Phase.TYPED

    def end(self, part: Submission | Claim, result: Submitted | Refused | InDoubt, vendor: str = "") -> None:
        """Note the modem's answer. For a part in doubt, it may still come.

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
        """No part is being submitted: the gateway has settled the last one."""
        self._memory[_PHASE] = Phase.NOTHING

    def close(self) -> None:
        """Unmap the memory. The content stays while another descriptor is open."""
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
