"""The control socket: the command line sends administration commands to a running daemon.

A Unix socket beside the store. Each request is one line of JSON, `{"command": …, "arguments": {…}, "language": "fr"}`, and so is
each answer, `{"ok": true, "result": …}` or `{"ok": false, "error": "…"}`, with `"wrong_use": true` where an argument can never be
right. The sentences of the answer are in the language of the request, by default in English. A continuing command answers with many lines
`{"ok": true, "more": […]}`, with an empty list at least every second, until the client closes the connection. If the command
ends by itself, the last line is one of the former.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path

from config.language.catalogue import DEFAULT, LANGUAGES, sentence, translated
from config.language.text import Text, text_of
from gatewayd.daemon.control_client import reachable, socket_path
from gatewayd.errors import AdminError, WrongUseError

log = logging.getLogger(__name__)

# Returns the result, or for a continuing command a generator of batches, which yields at least every second.
Run = Callable[[str, Mapping[str, object]], object]

# A request is as long as a command line; an answer may list ten thousand messages.
_LONGEST_REQUEST = 1 << 20
_IDLE_TIMEOUT_S = 60.0
_PAUSE_S = 0.5  # after a connection that could not be accepted
_UNEXPECTED = Text("an unexpected error; the log of the daemon contains it")
_LOOK_S = 0.5  # between checks whether the server stops, while a client reads nothing


class ControlServer:
    """Answers commands; each connection has its own thread."""

    def __init__(self, store: Path, run: Run) -> None:
        self._path = socket_path(store)
        self._run = run
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)

    def start(self) -> None:
        """Start listening. This process holds the store's lock, so an existing socket belongs to a dead process."""
        self._path.unlink(missing_ok=True)
        with reachable(self._path) as address:
            self._listener.bind(address)
        os.chmod(self._path, 0o660)
        self._listener.listen(16)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop listening. Running commands end with the process; continuing commands end within a second."""
        self._stopping.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("the control socket was not listening")
        self._listener.close()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:  # the disk is read-only; the next start removes the socket
            log.debug("the control socket cannot be removed: %s", error)

    def _accept(self) -> None:
        """Accept connections until `stop`. After an error, such as too many open files, try again after a pause."""
        trouble = ""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if self._stopping.is_set():
                    return
                if trouble != str(error):
                    trouble = str(error)
                    log.warning("the control socket cannot accept connections: %s", trouble)
                self._stopping.wait(_PAUSE_S)
                continue
            if trouble:
                trouble = ""
                log.info("the control socket accepts connections again")
            self._start_thread(connection)

    def _start_thread(self, connection: socket.socket) -> None:
        thread = threading.Thread(target=self._serve, args=(connection,), name="control-client", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads can be started
            log.warning("a connection to the control socket was refused: %s", error)
            connection.close()
            self._stopping.wait(_PAUSE_S)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(_IDLE_TIMEOUT_S)
        with connection, connection.makefile("rb") as requests:
            try:
                while line := requests.readline(_LONGEST_REQUEST):
                    with closing(self._answers(line)) as answers:
                        for answer in answers:
                            data = json.dumps(answer).encode() + b"\n"
                            if "more" in answer:
                                self._send_patiently(connection, data)
                            else:
                                connection.sendall(data)
            except OSError:
                return  # the client closed the connection, or was idle for too long

    def _send_patiently(self, connection: socket.socket, data: bytes) -> None:
        """Send to a client that may read slowly. Raises OSError if it closed the connection or the server stops."""
        connection.settimeout(_LOOK_S)
        while data:
            if self._stopping.is_set():
                raise BrokenPipeError
            try:
                data = data[connection.send(data) :]
            except TimeoutError:
                continue
        connection.settimeout(_IDLE_TIMEOUT_S)

    def _answers(self, line: bytes) -> Generator[dict[str, object], None, None]:
        try:
            request = json.loads(line)
            command, arguments = request["command"], request.get("arguments", {})
            language = request.get("language", DEFAULT)
            if not isinstance(command, str) or not isinstance(arguments, dict) or language not in LANGUAGES:
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            yield {"ok": False, "error": 'a request is {"command": "…", "arguments": {…}}'}
            return
        try:
            result = self._run(command, arguments)
            if isinstance(result, Generator):
                with closing(result):
                    for more in result:
                        yield {"ok": True, "more": translated(more, language)}
                result = None
            yield {"ok": True, "result": translated(result, language)}
        except AdminError as error:
            told = sentence(text_of(error), language)
            yield {"ok": False, "error": told, "wrong_use": isinstance(error, WrongUseError)}
        except Exception:
            log.exception("the command %s failed", command)
            yield {"ok": False, "error": sentence(_UNEXPECTED, language)}
