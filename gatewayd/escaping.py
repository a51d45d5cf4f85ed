"""Escapes text from clients, networks and modems for a terminal (ECMA-48) and for JSON (RFC 8259, 7)."""

from __future__ import annotations

import json
import re
from typing import Final

# C0, DEL and C1; marks and embeddings of writing direction; line and paragraph separators; other invisible characters
# (byte order mark, annotations, language tag); surrogates, which no encoding can write.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0001]"
)


_NAMED: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str, keep: str = "") -> str:
    r"""The text with each character that is unsafe on a terminal replaced by an escape (`\n`, `\x1b`, `\u202e`).

    `keep`: characters that are not replaced.
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def json_text(document: object, *, indent: int | None = None) -> str:
    r"""The document as JSON. Letters stay as they are, unsafe characters become `\uXXXX` (RFC 8259, 7)."""
    written = json.dumps(document, ensure_ascii=False, indent=indent, default=str)
    # JSON has such characters only inside strings, except the line feeds that `indent` writes between values.
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _json_escape(found[0]), written)


def _escape(character: str) -> str:
    code = ord(character)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _json_escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000  # RFC 8259 writes a character beyond the BMP as two surrogates
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
