"""Changes sections of a configuration file without changing what else is there, comments too."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from config.settings import decode, parse

_HEADER: Final = re.compile(r"\s*\[")


def append(path: Path, sections: str) -> None:
    """Add sections at the end of the file, in one step: after a power cut the file is the old or the new one.

    Owner and mode stay. Raises ConfigError where the result could not be used, and OSError; then the file is unchanged.
    """
    path = path.resolve()  # a link stays a link
    before = path.read_bytes()
    gap = b"" if before.endswith(b"\n") or not before else b"\n"
    _replace(path, before + gap + b"\n" + sections.encode())


def set_keys(path: Path, section: str, values: Mapping[str, str | None]) -> None:
    """Set keys of a section to these values, as TOML writes them; None takes a key away. As safe as `append`."""
    path = path.resolve()
    before = path.read_bytes()
    mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
    _replace(path, mark + with_keys(decode(before, str(path)), section, values).encode())


def with_keys(text: str, section: str, values: Mapping[str, str | None]) -> str:
    """A configuration with these keys in a section. A section of which nothing is left goes too."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    wanted = [f"{key} = {value}" for key, value in values.items() if value is not None]
    begin = next((number for number, line in enumerate(lines) if _is_header(line, section)), None)
    if begin is None:
        if not wanted:
            return text
        gap = [""] if lines and lines[-1] else []
        return end.join([*lines, *gap, f"[{section}]", *wanted, ""])
    stop = next((n for n in range(begin + 1, len(lines)) if _HEADER.match(lines[n])), len(lines))
    kept = [line for line in lines[begin + 1 : stop] if not _sets(line, values)]
    if not wanted and not any(line.strip() for line in kept):
        return end.join([*lines[:begin], *lines[stop:], ""]).lstrip("\r\n")
    return end.join([*lines[: begin + 1], *wanted, *kept, *lines[stop:], ""])


def _is_header(line: str, section: str) -> bool:
    return re.fullmatch(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?", line) is not None


def _sets(line: str, values: Mapping[str, str | None]) -> bool:
    found = re.match(r"\s*([A-Za-z0-9_-]+)\s*=", line)
    return found is not None and found[1] in values


def _replace(path: Path, after: bytes) -> None:
    parse(after, str(path))
    status = path.stat()
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(fd, "wb") as file:
            os.fchown(fd, status.st_uid, status.st_gid)
            os.fchmod(fd, status.st_mode & 0o7777)
            file.write(after)
            file.flush()
            os.fsync(fd)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
