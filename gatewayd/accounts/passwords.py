"""Passwords of persons, kept as scrypt hashes (RFC 7914)."""

from __future__ import annotations

import unicodedata
from functools import cache

from werkzeug.security import check_password_hash, generate_password_hash

from config.language.text import Text

SHORTEST = 10
LONGEST = 200

# A check takes 16 MiB of memory and a tenth of a second on a small board. N of werkzeug's default would take twice that.
_METHOD = "scrypt:16384:8:1"


def fault(password: str, login: str) -> Text | None:
    """The reason why a password cannot be used, or None. Length alone makes a password hard to guess (NIST SP 800-63B)."""
    if len(password) < SHORTEST:
        return Text("a password must have {shortest} characters or more", shortest=SHORTEST)
    if len(password) > LONGEST:
        return Text("a password must have {longest} characters or less", longest=LONGEST)
    if len(set(password)) < 4 or password.casefold() == login.casefold():
        return Text("this password is easy to guess: take several words")
    return None


def hashed(password: str) -> str:
    """The hash of a password, with its salt and cost."""
    return generate_password_hash(_normal(password), _METHOD)


def matches(kept: str | None, password: str) -> bool:
    """Whether a password has this hash. None: no such person; the check takes as long as for one who exists."""
    return check_password_hash(_nobodys() if kept is None else kept, _normal(password)) and kept is not None


def _normal(password: str) -> str:
    """The same text for the same signs: devices write é as one character or as two (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


@cache
def _nobodys() -> str:
    return hashed("")
