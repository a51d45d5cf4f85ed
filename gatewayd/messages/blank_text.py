"""Recognises texts that show nothing."""

from __future__ import annotations

import re

# Default_Ignorable_Code_Point (Unicode 16, DerivedCoreProperties.txt), which has no glyph: soft hyphen, joiners,
# marks of direction, variation selectors, the byte order mark, tags, Hangul fillers. Also the annotation marks (U+FFF9
# and following), and the braille pattern without a dot (U+2800).
_WITHOUT_GLYPH = (
    # White space is written out, because `\s` differs between regular expressions of different languages.
    "\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_WITHOUT_GLYPH}]*")

VISIBLE = f"[^{_WITHOUT_GLYPH}]"
"""A regular expression for one character that shows something."""


def is_blank(text: str) -> bool:
    """Whether a text has only white space and characters without a glyph.

    Many emoji contain a joiner or a variation selector: a text with a visible character is never blank.
    """
    return _INVISIBLE.fullmatch(text) is not None
