"""The token that opens the set-up of the dashboard, for as long as there is no person."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

_BYTES: Final = 16
_GROUP: Final = 4

# Letters that people type instead of the digits that they look like.
_MEANT: Final = str.maketrans("OIL", "011")


class SetupToken:
    """128 random bits, made anew at each start and kept in memory only."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(_BYTES).upper()

    @property
    def text(self) -> str:
        """The token as it is shown: eight groups of four hexadecimal digits."""
        return "-".join(self._token[at : at + _GROUP] for at in range(0, len(self._token), _GROUP))

    def matches(self, typed: str) -> bool:
        """Whether a person typed this token. Capitals, blanks, hyphens, and O for 0 do not matter. Takes constant time."""
        plain = "".join(each for each in typed[:200].upper() if each.isalnum()).translate(_MEANT)
        return hmac.compare_digest(plain.encode("utf-8", "replace"), self._token.encode())
