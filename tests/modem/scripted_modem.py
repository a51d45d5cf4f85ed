"""A modem on a pseudo-terminal that sends the bytes that a test scripted."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import threading
import tty
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType

# The ends of pseudo-terminals that were unplugged last. While one is open, the kernel gives its number to no other test,
# whose modem a port would take for the one that it looks for. At first, files that stand for them: their count never changes.
_unplugged: deque[int] = deque(os.open(os.devnull, os.O_RDONLY) for _ in range(16))

Script = bytes | Callable[["ScriptedModem"], None]


class ScriptedModem:
    """Answers by the scripts in `answers`; else OK to AT, a prompt and a reference to CMGS, ERROR to all else.

    Without scripts, the modem supports as little as a modem can. A script is the bytes to write, or a function that
    writes them; of a list, each entry is used once and the last one stays. The key "PDU" answers a PDU, "ESC" an escape,
    "" every command without a key.
    """

    def __init__(
        self, answers: dict[str, Script | list[Script]] | None = None, *, echo: bool = False
    ) -> None:
        self.answers: dict[str, Script | list[Script]] = {
            "AT": b"\r\nOK\r\n",
            "ATE0V1Q0": b"\r\nOK\r\n",
            "ATQ0V1E0": b"\r\nOK\r\n",
            "AT+CMGF=0": b"\r\nOK\r\n",
            "AT+CMGS": ScriptedModem.prompt,
            "PDU": ScriptedModem.take,
            "ESC": ScriptedModem.leave,
            "": b"\r\nERROR\r\n",
            **(answers or {}),
        }
        self.echo = echo
        self.heard: SimpleQueue[str] = SimpleQueue()
        self.commands: list[str] = []
        self.pdus: list[str] = []
        self.reference = 0
        self.entering = False  # it waits for a PDU
        self.speaking = threading.RLock()  # a modem completes a line before it sends another
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.device = os.ttyname(self._slave)
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._run, name="scripted modem", daemon=True)

    def __enter__(self) -> ScriptedModem:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unplug the modem."""
        if self._stop_w >= 0:
            self.unplug()
            if threading.current_thread() is not self._thread:
                self._thread.join(60)
            os.close(self._stop_w)
            self._stop_w = -1

    def say(self, data: bytes) -> None:
        """Write bytes to the port, as an answer or as a URC."""
        with self.speaking:
            os.write(self._master, data)

    def prompt(self) -> None:
        """Send the prompt for a PDU."""
        self.entering = True
        self.say(b"\r\n> ")

    def take(self) -> None:
        """Accept a PDU and answer with the next reference."""
        self.reference += 1
        self.say(b"\r\n+CMGS: %d\r\n\r\nOK\r\n" % self.reference)

    def leave(self) -> None:
        """Answer an escape as Quectel and Telit do."""
        if self.entering:
            self.entering = False
            self.say(b"\r\nOK\r\n")

    def unplug(self) -> None:
        """End the thread from within an answer; the line hangs up."""
        with contextlib.suppress(OSError):  # it was unplugged already
            os.write(self._stop_w, b"!")

    def _run(self) -> None:
        rest = b""
        try:
            while True:
                ready, _, _ = select.select([self._master, self._stop_r], [], [])
                if self._stop_r in ready:
                    return
                rest = self._work_off(rest + os.read(self._master, 4096))
        except OSError:
            return
        finally:
            os.close(self._master)
            os.close(self._stop_r)
            _unplugged.append(self._slave)
            os.close(_unplugged.popleft())

    def _work_off(self, data: bytes) -> bytes:
        while data:
            if data[:1] == b"\x1b":
                data = data[1:]
                self._answer("ESC", "ESC")
                continue
            end = b"\x1a" if self.entering else b"\r"
            place = data.find(end)
            escape = data.find(b"\x1b")
            if 0 <= escape < place or (place < 0 <= escape):
                data = data[escape:]
                continue
            if place < 0:
                break
            text, data = data[:place].decode("latin-1").strip(), data[place + 1 :]
            if self.echo:
                self.say(text.encode("latin-1") + end)
            if self.entering:
                self.entering = False
                self.pdus.append(text)
                self._answer("PDU", "PDU")
            elif text:
                name = text if text in self.answers else text.partition("=")[0]
                self._answer(name if name in self.answers else "", text)
        return data

    def _answer(self, key: str, heard: str) -> None:
        self.commands.append(heard)
        self.heard.put(heard)
        script = self.answers[key]
        if isinstance(script, list):
            script = script.pop(0) if len(script) > 1 else script[0]
        if callable(script):
            script(self)
        else:
            self.say(script)


def prompted(data: bytes) -> Script:
    """Return a script that sends these bytes as the prompt for a PDU."""

    def script(modem: ScriptedModem) -> None:
        modem.entering = True
        modem.say(data)

    return script
