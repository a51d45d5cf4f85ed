"""Manufacturer, model and IMEI of a modem (27.007, 5)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """Manufacturer, model, firmware revision and IMEI; "" for each that the modem did not answer."""

    manufacturer: str = ""
    model: str = ""
    revision: str = ""
    imei: str = ""

    def supplemented(self, found: Identity) -> Identity | None:
        """This identity with the values of `found` added; None where they contradict each other: another modem.

        An answer may be missing in either.
        """
        pairs = [
            (self.manufacturer, found.manufacturer),
            (self.model, found.model),
            (self.imei, found.imei),
        ]
        if any(old and new and old != new for old, new in pairs):
            return None
        manufacturer, model, imei = (new or old for old, new in pairs)
        return Identity(manufacturer, model, found.revision or self.revision, imei)

    def is_same(self, other: Identity) -> bool:
        """Whether both are the same modem, as far as modems can be distinguished. Without IMEI and model: no."""
        if not (self.imei or self.model):
            return False
        return (self.imei, self.manufacturer, self.model) == (other.imei, other.manufacturer, other.model)
