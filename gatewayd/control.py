"""The control socket: how the command line speaks to a running daemon.

A Unix socket beside the store; one JSON request a line, `{"command": …, "arguments": {…}}`, and one answer a line,
`{"ok": true, "result": …}` or `{"ok": false, "error": "…"}`.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gatewayd.admin.context import AdminError

log = logging.getLogger(__name__)

Run = Callable[[str, Mapping[str, object]], object]

# A request is a command line's worth; an answer may list ten thousand messages.
_LONGEST_REQUEST = 1 << 20
_IDLE_TIMEOUT_S = 60.0


def socket_path(store: Path) -> Path:
    """Where the daemon that holds this store listens."""
    return store.with_suffix(".sock")


class NotRunningError(Exception):
    """No daemon listens on this store's socket."""


class ControlServer:
    """Answers commands, each connection on a thread of its own."""

    def __init__(self, store: Path, run: Run) -> None:
        self._path = socket_path(store)
        self._run = run
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)

    def start(self) -> None:
        """Listen. The store's lock is held, so a socket that is already there is a dead one's."""
        self._path.unlink(missing_ok=True)
        with _reachable(self._path) as address:
            self._listener.bind(address)
        os.chmod(self._path, 0o660)
        self._listener.listen(16)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Listen no more. Commands that were begun are left to end with the process."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("the control socket was not listening")
        self._listener.close()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed by `stop`
            threading.Thread(
                target=self._serve, args=(connection,), name="control-client", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(_IDLE_TIMEOUT_S)
        with connection, connection.makefile("rb") as requests:
            try:
                while line := requests.readline(_LONGEST_REQUEST):
                    connection.sendall(json.dumps(self._answer(line)).encode() + b"\n")
            except OSError:
                return  # the other side went away, or said nothing for too long

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            request = json.loads(line)
            command, arguments = request["command"], request.get("arguments", {})
            if not isinstance(command, str) or not isinstance(arguments, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {"ok": False, "error": 'a request is {"command": "…", "arguments": {…}}'}
        try:
            return {"ok": True, "result": self._run(command, arguments)}
        except AdminError as error:
            return {"ok": False, "error": str(error)}
        except Exception:
            log.exception("the command %s failed", command)
            return {"ok": False, "error": "an unexpected error; the daemon's log has it"}


def ask(store: Path, command: str, arguments: Mapping[str, object], timeout_s: float) -> object:
    """Run a command in the daemon that holds this store.

    Raises:
        NotRunningError: there is none.
        AdminError: it refused, or did not answer in time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            with _reachable(socket_path(store)) as address:
                connection.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunningError from None
        except PermissionError:
            raise AdminError(
                f"you may not use {socket_path(store)}: run this as root, or as a member of the daemon's group"
            ) from None
        try:
            connection.sendall(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
        except OSError as error:
            raise AdminError(f"the daemon does not answer: {error}") from error
    if not line:
        raise AdminError("the daemon stopped before it answered")
    answer = json.loads(line)
    if not answer["ok"]:
        raise AdminError(answer["error"])
    return answer["result"]


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """An address for the socket that fits the 107 bytes which Linux gives one, however deep its folder lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
