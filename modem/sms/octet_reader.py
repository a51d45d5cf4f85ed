"""Reads the octets of a PDU from front to back."""

from __future__ import annotations


class TpduError(ValueError):
    """These are not the hexadecimal digits of an SMS-DELIVER or SMS-STATUS-REPORT: cut, garbled or of another kind."""


class OctetReader:
    """Octets, read from front to back. Reading past the end raises TpduError."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._next = 0

    @property
    def taken(self) -> bytes:
        """The octets that were read."""
        return self._octets[: self._next]

    def take(self, count: int) -> bytes:
        """The next `count` octets."""
        taken = self._octets[self._next : self._next + count]
        if len(taken) < count:
            raise TpduError(f"cut off after {len(self._octets)} octets")
        self._next += count
        return taken

    def one(self) -> int:
        """The next octet."""
        if self._next >= len(self._octets):
            raise TpduError(f"cut off after {len(self._octets)} octets")
        self._next += 1
        return self._octets[self._next - 1]
