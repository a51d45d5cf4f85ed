"""The client of the control socket: ask a running daemon. See `control_socket` for the protocol.

This module is imported by every command that asks the daemon, so it imports little: those commands must start quickly.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from config.language.catalogue import DEFAULT
from config.language.text import Text
from gatewayd.errors import AdminError, WrongUseError

_SILENCE_S = 30.0  # a daemon sends at least an empty batch every second


class NotRunningError(Exception):
    """No daemon listens on this store's socket."""


def socket_path(store: Path) -> Path:
    """The path of the control socket of the daemon that holds this store."""
    return store.with_suffix(".sock")


def ask(
    store: Path,
    command: str,
    arguments: Mapping[str, object],
    timeout_s: float,
    language: str = DEFAULT,
) -> object:
    """Run a command in the daemon that holds this store, and return its result, with its sentences in a language.

    Raises:
        NotRunningError: no daemon holds this store.
        AdminError: the daemon refused the command, or did not answer within `timeout_s`.
        WrongUseError: the daemon refused an argument.
    """
    with closing(_answers(store, command, arguments, timeout_s, language)) as answers:
        return next(answers)["result"]


def follow(
    store: Path, command: str, arguments: Mapping[str, object], language: str = DEFAULT
) -> Generator[list[Any], None, None]:
    """Yield the batches of a continuing command. Close the generator to end the command.

    Raises what `ask` raises, and AdminError when the daemon stops.
    """
    for answer in _answers(store, command, arguments, _SILENCE_S, language):
        if "more" not in answer:
            return
        yield answer["more"]


def _answers(
    store: Path, command: str, arguments: Mapping[str, object], timeout_s: float, language: str
) -> Generator[dict[str, Any], None, None]:
    """Send one request and yield each response line of the daemon."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            with reachable(socket_path(store)) as address:
                connection.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunningError from None
        except PermissionError:
            raise AdminError(
                Text(
                    "you may not use {path}: run this as root, or as a member of the daemon's group",
                    path=socket_path(store),
                )
            ) from None
        try:
            request = {"command": command, "arguments": arguments, "language": language}
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                while line := lines.readline():
                    answer = json.loads(line)
                    if not answer["ok"]:
                        raise (WrongUseError if answer.get("wrong_use") else AdminError)(answer["error"])
                    yield answer
        except OSError as error:
            raise AdminError(Text("the daemon does not answer: {reason}", reason=str(error))) from error
    raise AdminError(Text("the daemon stopped"))


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield an address for a Unix socket of any path length: Linux allows 107 bytes for an address."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
