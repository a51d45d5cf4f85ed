"""Whether a text shows anything at all."""

from __future__ import annotations

import re

# Default_Ignorable_Code_Point (Unicode 16, DerivedCoreProperties.txt), which is drawn as nothing: soft hyphen, joiners,
# marks of direction, variation selectors, the byte order mark, tags, Hangul fillers. Then the marks around
# annotations (U+FFF9), and the braille pattern without a dot (U+2800).
_INVISIBLE = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)


def is_blank(text: str) -> bool:
    """Whether a text holds only white space and characters that are drawn as nothing.

    A joiner or a variation selector inside a visible text, as in many emoji, makes no text blank.
    """
    return _INVISIBLE.fullmatch(text) is not None
