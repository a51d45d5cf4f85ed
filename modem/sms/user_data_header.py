"""The header of the user data: concatenation, ports, indications and national languages (23.040, 9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass

# Information elements of a header (23.040, 9.2.3.24)
_CONCAT_8 = 0x00
_INDICATION = 0x01
_PORTS_8 = 0x04
_PORTS_16 = 0x05
_CONCAT_16 = 0x08
_SINGLE_SHIFT = 0x24
_LOCKING_SHIFT = 0x25

_INDICATION_KEPT = 0x80  # of the first octet of an indication: the text is to be stored (23.040, 9.2.3.24.2)


@dataclass(frozen=True, slots=True)
class Concat:
    """The concatenation header of a part (23.040, 9.2.3.24.1 and 9.2.3.24.8). 1 <= seq <= total."""

    reference: int
    width: int  # bits of the reference, 8 or 16: references of different widths are different messages
    total: int
    seq: int


def concat_header(reference: int, *, total: int, seq: int) -> bytes:
    """The header of one of several parts, with its length, and a reference of 8 bits."""
    return bytes([0x05, _CONCAT_8, 0x03, reference, total, seq])


def read_elements(header: bytes) -> dict[int, bytes]:
    """The information elements of a header, by identifier; the last of repeated ones counts.

    Empty where the last one does not end with the header: then the header must be ignored (23.040, 9.2.3.24).
    """
    elements: dict[int, bytes] = {}
    rest = header
    while rest:
        if len(rest) < 2 or len(rest) < 2 + rest[1]:
            return {}
        identifier, length = rest[0], rest[1]
        elements.pop(identifier, None)  # keeps the order of the last occurrences
        elements[identifier] = rest[2 : 2 + length]
        rest = rest[2 + length :]
    return elements


def concat_of(elements: dict[int, bytes]) -> Concat | None:
    """The last valid concatenation element; invalid ones must be ignored (23.040, 9.2.3.24.1)."""
    concat = None
    for identifier, content in elements.items():
        if identifier == _CONCAT_8 and len(content) == 3:
            width = 8
        elif identifier == _CONCAT_16 and len(content) == 4:
            width = 16
        else:
            continue
        *reference, total, seq = content
        if 1 <= seq <= total:
            concat = Concat(int.from_bytes(reference, "big"), width, total, seq)
    return concat


def port_of(elements: dict[int, bytes]) -> int | None:
    """The destination port of 16 or 8 bits (23.040, 9.2.3.24.3 and 9.2.3.24.4); None without one."""
    for identifier, length in ((_PORTS_16, 4), (_PORTS_8, 2)):
        content = elements.get(identifier)
        if content is not None and len(content) == length:
            return int.from_bytes(content[: length // 2], "big")
    return None


def discards(elements: dict[int, bytes]) -> bool:
    """Whether an indication in the header allows to discard the text (23.040, 9.2.3.24.2)."""
    content = elements.get(_INDICATION)
    return content is not None and len(content) == 2 and not content[0] & _INDICATION_KEPT


def locking_shift(elements: dict[int, bytes]) -> int:
    """The national language identifier of the locking shift table (9.2.3.24.16); 0, the default alphabet, without one."""
    return _language(elements.get(_LOCKING_SHIFT))


def single_shift(elements: dict[int, bytes]) -> int:
    """The national language identifier of the single shift table (9.2.3.24.15); 0, the default table, without one."""
    return _language(elements.get(_SINGLE_SHIFT))


def _language(content: bytes | None) -> int:
    return content[0] if content is not None and len(content) == 1 else 0
