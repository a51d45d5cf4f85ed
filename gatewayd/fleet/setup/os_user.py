"""The user of the operating system as whom PostgreSQL sees a connection through its Unix socket (`peer` in pg_hba.conf)."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Act as this user, if root asks and there is such a user; the set-up has one thread."""
    try:
        user = pwd.getpwnam(name) if os.geteuid() == 0 else None
    except KeyError:
        user = None
    if user is None:
        yield
        return
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
