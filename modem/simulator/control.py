"""Orders to a running bank from outside: lines of JSON on a Unix socket, one answer a line.

    {"do": "incoming", "port": 1, "from": "+22376000000", "text": "Bonjour"}
    {"do": "incoming-pdu", "port": 1, "pdu": "040B91..."}
    {"do": "registration", "port": 1, "stat": 3}
    {"do": "stop-searching", "port": 1, "cure": "operator"}   its network is lost until +COPS=0; or "radio", "restart"
    {"do": "exchange-card", "port": 1}        another card in the active slot, and the modem says nothing of it
    {"do": "fault", "port": 1, "fault": "silent-taken", "times": 1, "code": 500}
    {"do": "chance", "rule": "noise=0.1@1"}   NAME[:CODE][=RATE][@PORT], the name "all" for every fault
    {"do": "calm"}                            no faults any more
    {"do": "happened"}                        how often each has happened
    {"do": "hold", "port": 1, "command": "+CMSS", "answer": false}   the next such command waits
    {"do": "release", "port": 1, "forget": false}                    and goes on, or never happens
    {"do": "stored", "port": 1}        the <stat> of all in its memories
    {"do": "unplug", "port": 1}        {"do": "replug", "port": 1}
    {"do": "ussd", "code": "#123#", "answer": "Solde 5 F"}           the network's answer to a code from now on
    {"do": "ussd-asked"}                      the codes and replies that the network got
    {"do": "texts"}
    {"do": "moments"}                         when modems were asked to submit, and answered; a thousand at most, each once

`slot` (1 by default) goes with the first two. The answer is {"ok": true, ...} or {"ok": false, "error": "..."}.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from modem.simulator.core.faults import Fault, Rule
from modem.simulator.core.radio import Cure
from modem.simulator.core.witness import Text
from modem.simulator.reactor import Reactor

LONGEST_ORDER = 1 << 16  # octets


class Orders(Protocol):
    """The orders of the control socket; a bank implements them."""

    def incoming(self, port: int, sender: str, text: str, slot: int = 1) -> None:
        """A text from outside."""

    def incoming_pdu(self, port: int, tpdu_hex: str, slot: int = 1) -> None:
        """A TPDU from outside."""

    def set_registration(self, port: int, stat: int) -> None:
        """Set the network's answer to a registration."""

    def stop_searching(self, port: int, cure: Cure) -> None:
        """A modem never finds its network again by itself."""

    def exchange_card(self, port: int) -> str:
        """Another card; its ICCID."""

    def fault(self, port: int, fault: Fault, times: int = 1, *, code: int | None = None) -> None:
        """A fault to come."""

    def chance(self, rule: Rule) -> None:
        """Faults by chance."""

    def calm(self) -> None:
        """No faults any more."""

    def happened(self) -> dict[str, int]:
        """How often each fault has happened."""

    def hold(self, port: int, command: str, *, answer: bool = False) -> None:
        """A command waits."""

    def release(self, port: int, *, forget: bool = False) -> None:
        """The held command continues, or is dropped."""

    def stored(self, port: int) -> list[int]:
        """The status of each message in the modem's memories."""

    def unplug(self, port: int) -> None:
        """The modem goes."""

    def replug(self, port: int) -> None:
        """The modem comes back."""

    def answer_ussd(self, code: str, answer: str) -> None:
        """An answer to a service code."""

    def ussd_asked(self) -> list[str]:
        """The codes."""

    def texts(self) -> tuple[Text, ...]:
        """Complete texts that were sent."""

    def moments(self) -> list[tuple[str, float, str]]:
        """When."""


class Control:
    """Listens on a Unix socket, on the bank's loop."""

    def __init__(self, orders: Orders, path: Path, reactor: Reactor) -> None:
        self._orders = orders
        self._path = path
        self._reactor = reactor
        self._listener: socket.socket | None = None
        self._clients: dict[int, _Client] = {}

    def open(self) -> None:
        """Listen. Raises `OSError`."""
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._reactor.watch(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Stop listening and close the connections."""
        for client in list(self._clients.values()):
            self._leave(client)
        if self._listener is not None:
            self._reactor.forget(self._listener.fileno())
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101 - it is watched only while it is there
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            client = _Client(connection)
            self._clients[connection.fileno()] = client
            self._reactor.watch(connection.fileno(), lambda client=client: self._serve(client))  # type: ignore[misc]

    def _serve(self, client: _Client) -> None:
        while True:
            try:
                data = client.connection.recv(LONGEST_ORDER)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._leave(client)
                return
            client.received += data
            while b"\n" in client.received:
                line, _, rest = bytes(client.received).partition(b"\n")
                client.received[:] = rest
                if not self._answer(client, line):
                    return
            if len(client.received) > LONGEST_ORDER:
                self._leave(client)
                return

    def _answer(self, client: _Client, line: bytes) -> bool:
        answer = json.dumps(self._obey(line), ensure_ascii=False).encode() + b"\n"
        try:
            client.connection.sendall(answer)
        except OSError:  # it does not read its answers: it gets no more of them
            self._leave(client)
            return False
        return True

    def _leave(self, client: _Client) -> None:
        descriptor = client.connection.fileno()
        self._reactor.forget(descriptor)
        del self._clients[descriptor]
        client.connection.close()

    def _obey(self, line: bytes) -> dict[str, object]:
        try:
            order = json.loads(line)
            action = _ACTIONS[order["do"]]
            return {"ok": True, **action(self._orders, order)}
        except (KeyError, TypeError, ValueError, IndexError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}
        except OSError as error:
            return {"ok": False, "error": os.strerror(error.errno or 0)}


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = bytearray()


_Order = dict[str, "str | int"]
_Action = Callable[[Orders, _Order], dict[str, object]]


def _inbound(orders: Orders, order: _Order) -> dict[str, object]:
    orders.incoming(int(order["port"]), str(order["from"]), str(order["text"]), int(order.get("slot", 1)))
    return {}


def _incoming_pdu(orders: Orders, order: _Order) -> dict[str, object]:
    orders.incoming_pdu(int(order["port"]), str(order["pdu"]), int(order.get("slot", 1)))
    return {}


def _registration(orders: Orders, order: _Order) -> dict[str, object]:
    orders.set_registration(int(order["port"]), int(order["stat"]))
    return {}


def _stop_searching(orders: Orders, order: _Order) -> dict[str, object]:
    orders.stop_searching(int(order["port"]), Cure[str(order["cure"]).upper()])
    return {}


def _exchange_card(orders: Orders, order: _Order) -> dict[str, object]:
    return {"iccid": orders.exchange_card(int(order["port"]))}


def _fault(orders: Orders, order: _Order) -> dict[str, object]:
    code = int(order["code"]) if "code" in order else None
    orders.fault(int(order["port"]), Fault(order["fault"]), int(order.get("times", 1)), code=code)
    return {}


def _chance(orders: Orders, order: _Order) -> dict[str, object]:
    orders.chance(Rule.read(str(order["rule"])))
    return {}


def _calm(orders: Orders, order: _Order) -> dict[str, object]:
    del order
    orders.calm()
    return {}


def _happened(orders: Orders, order: _Order) -> dict[str, object]:
    del order
    return {"happened": orders.happened()}


def _hold(orders: Orders, order: _Order) -> dict[str, object]:
    orders.hold(int(order["port"]), str(order["command"]), answer=bool(order.get("answer", False)))
    return {}


def _release(orders: Orders, order: _Order) -> dict[str, object]:
    orders.release(int(order["port"]), forget=bool(order.get("forget", False)))
    return {}


def _stored(orders: Orders, order: _Order) -> dict[str, object]:
    return {"stored": orders.stored(int(order["port"]))}


def _unplug(orders: Orders, order: _Order) -> dict[str, object]:
    orders.unplug(int(order["port"]))
    return {}


def _replug(orders: Orders, order: _Order) -> dict[str, object]:
    orders.replug(int(order["port"]))
    return {}


def _ussd(orders: Orders, order: _Order) -> dict[str, object]:
    orders.answer_ussd(str(order["code"]), str(order["answer"]))
    return {}


def _ussd_asked(orders: Orders, order: _Order) -> dict[str, object]:
    del order
    return {"codes": orders.ussd_asked()}


def _texts(orders: Orders, order: _Order) -> dict[str, object]:
    del order
    shown = [{"from": text.sender, "to": text.recipient, "text": text.text} for text in orders.texts()]
    return {"texts": shown}


def _moments(orders: Orders, order: _Order) -> dict[str, object]:
    del order
    return {"moments": orders.moments()}


_ACTIONS: dict[str, _Action] = {
    "incoming": _inbound,
    "incoming-pdu": _incoming_pdu,
    "registration": _registration,
    "stop-searching": _stop_searching,
    "exchange-card": _exchange_card,
    "fault": _fault,
    "chance": _chance,
    "calm": _calm,
    "happened": _happened,
    "hold": _hold,
    "release": _release,
    "stored": _stored,
    "unplug": _unplug,
    "replug": _replug,
    "ussd": _ussd,
    "ussd-asked": _ussd_asked,
    "texts": _texts,
    "moments": _moments,
}
