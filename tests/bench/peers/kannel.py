"""kannel: bearerbox with a connection for each modem, and smsbox with the HTTP interface."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import requests
import requests.adapters

from tests.bench.program import Program, recipient
from tests.conftest import eventually, free_port

CONFIG = Path(__file__).with_name("kannel.conf")
MODEM = Path(__file__).with_name("kannel-modem.conf")


class Kannel(Program):
    """Two processes."""

    name = "kannel"
    interface = "HTTP; unsynced"
    missing = "" if shutil.which("bearerbox") else "kannel is not installed"

    def start(self) -> None:
        """Start both processes, and wait until smsbox answers."""
        self.port = free_port()
        text = CONFIG.read_text(encoding="ascii").format(
            folder=self.folder, admin=free_port(), box=free_port(), send=self.port
        )
        modem = MODEM.read_text(encoding="ascii")
        text += "".join(
            modem.format(number=number, device=device) for number, device in enumerate(self.devices, 1)
        )
        config = self.folder / "kannel.conf"
        config.write_text(text, encoding="ascii")
        self.session = requests.Session()
        # smsbox sometimes closes a connection between two requests.
        self.session.mount("http://", requests.adapters.HTTPAdapter(max_retries=5))
        self.spawn("bearerbox", "-v", "4", config)
        self.spawn("sh", "-c", f"sleep 1; exec smsbox -v 4 {config}")
        eventually(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def fill(self, count: int) -> None:
        """Hand in messages by HTTP."""
        for number in range(count):
            self.send(number)

    def send(self, number: int) -> None:
        """Hand in a message by HTTP."""
        parameters = {"username": "u", "password": "p", "to": recipient(number), "text": f"Message {number}"}
        answer = self.session.get(
            f"http://127.0.0.1:{self.port}/cgi-bin/sendsms", params=parameters, timeout=30
        )
        assert answer.status_code == 202, answer.text

    def stop(self) -> None:
        """Stop both processes and the client."""
        super().stop()
        self.session.close()
