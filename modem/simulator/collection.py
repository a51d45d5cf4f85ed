"""The recordings of modems that come with the program, in `recordings/`: README.md there says more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modem.recording.document import Recording

FOLDER: Final = Path(__file__).with_name("recordings")

# Numbers that belong to nobody, as beginnings: the test IMEI of the GSMA, the test network 001-01 (ITU-T E.212), a country
# code of ITU-T E.118 that no country has, and one of E.164.
_NOBODYS: Final = ("0049990", "00101", "8900", "999")
_NUMBER: Final = re.compile(r"(?<![\d.])\d{9,22}(?![\d.])")
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-F]*\d)[0-9A-F]{14,}(?![0-9A-Za-z])")


def files() -> tuple[Path, ...]:
    """The files of the collection, by name."""
    return tuple(sorted(FOLDER.glob("*.json")))


def broken_rules(recording: Recording) -> Iterator[str]:
    """The rules of the collection that a recording breaks, as sentences.

    A recording that the recorder made has made-up numbers. One that a person wrote must have numbers that belong to nobody.
    """
    source = recording.source
    if source.kind == "published" and not source.references:
        yield "A published recording needs its references."
    if source.kind != "published" and not source.by.startswith("gatewayd "):
        yield "A recording that gatewayd did not make must be published."
    if source.kind == "published":
        for exchange in recording.exchanges:
            if _suspicious(exchange.text):
                yield f"The answer to {exchange.command} has a number that may be a person's or a device's."


def _suspicious(text: str) -> bool:
    return not all(number.startswith(_NOBODYS) for number in _NUMBER.findall(text) + _HEX.findall(text))
