"""A TCP proxy between a box and PostgreSQL that fails by order: it is the network that a test can cut."""

from __future__ import annotations

import contextlib
import queue
import re
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self

from tests.fleet.conversation import Conversation

COMMIT = r"^\s*(COMMIT|END)\b"

_ORDER_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 2.0
_CHUNK = 1 << 16
_MOST_HELD = 1 << 20  # octets in one direction; more are not read
_GONE = (ConnectionError, TimeoutError)


class _Way(Enum):
    PASS = "pass"
    HOLD = "hold"  # a cut whose octets come late
    DROP = "drop"  # a cut that loses them


@dataclass
class Loss:
    """An order to lose the answer to one statement."""

    pattern: re.Pattern[str]
    late_s: float
    happened: threading.Event = field(default_factory=threading.Event)  # the client was cut off
    done: threading.Event = field(default_factory=threading.Event)  # and PostgreSQL has ended the statement


class _Lane:
    """One direction of one connection: what was read and has not been passed on."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source, self.target = source, target
        self.waiting: deque[tuple[float, bytes]] = deque()  # with the times at which they are due
        self.size = 0
        self.read = 0  # octets of the source, all in all
        self.not_before = 0.0
        self.ended = False  # the source sends nothing more
        self.ended_by_reset = False
        self.told = False  # and the target knows
        self.lost = False  # some octets were dropped: the rest makes no sense any more

    def hold(self, data: bytes, due: float) -> None:
        self.waiting.append((due, data))
        self.size += len(data)


class _Connection:
    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.to_server, self.to_client = _Lane(client, server), _Lane(server, client)
        self.conversation = Conversation()
        self.loss: Loss | None = None
        self.client_cut = False


class Proxy:
    """Listens on a free port of 127.0.0.1, `port`, and passes octets to and from `target`, unchanged, until it gets an order.

    Orders come from any thread; when a call returns, the order holds.
    """

    def __init__(self, target: int) -> None:
        """`target`: the port of PostgreSQL on 127.0.0.1. It need not run."""
        self._target = target
        self._way = _Way.PASS
        self._delay_s = 0.0
        self._losses: list[Loss] = []
        self._connections: list[_Connection] = []
        self._hanging: list[socket.socket] = []  # clients that came during a cut
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake = socket.socketpair()
        self._wake_read.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        # Bound and never listening: nobody else is given the port while the proxy refuses.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port: int = self._reserved.getsockname()[1]
        self._listener: socket.socket | None = None
        self._listen()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"proxy {self.port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """It runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def cut(self, *, late: bool = False) -> None:
        """Pass nothing on, in both directions. Connections stay open, new ones are taken and hang.

        At `heal`, connections that lost something are reset; `late`: nothing is lost, it arrives then, as TCP repeats it,
        even if its sender has hung up meanwhile.
        """
        self._do(lambda: self._set_way(_Way.HOLD if late else _Way.DROP))

    def refuse(self) -> None:
        """Refuse new connections. Present ones go on."""
        self._do(self._stop_listening)

    def reset(self) -> None:
        """Reset all present connections, at both ends."""
        self._do(self._reset_all)

    def unplug(self) -> None:
        """Refuse new connections and reset the present ones: PostgreSQL is away, and clients need not wait to know it."""
        self.refuse()
        self.reset()

    def delay(self, ms: float) -> None:
        """Pass everything that comes from now on so much later, in each direction."""
        self._do(lambda: setattr(self, "_delay_s", ms / 1000))

    def lose_next_commit_answer(self, *, late_s: float = 0.0) -> Loss:
        """Let PostgreSQL have the next COMMIT of any connection, and reset the client in place of the answer.

        The client is reset after PostgreSQL has committed. `late_s`: before it has even seen the COMMIT, which arrives so much later.
        """
        return self.lose_answer_to(COMMIT, late_s=late_s)

    def lose_answer_to(self, pattern: str, *, late_s: float = 0.0) -> Loss:
        """The same for the next statement in whose text `pattern` is found (without regard to case)."""
        loss = Loss(re.compile(pattern, re.IGNORECASE | re.DOTALL), late_s)
        self._do(lambda: self._arm(loss))
        return loss

    def heal(self) -> None:
        """Pass everything again, at once, and forget all orders that have not come to anything."""
        self._do(self._heal)

    @property
    def connections(self) -> int:
        """How many clients are connected, those that hang too."""
        found: list[int] = []
        self._do(lambda: found.append(len(self._connections) + len(self._hanging)))
        return found[0]

    def close(self) -> None:
        """Reset all connections and give the port back."""
        if self._stopped:
            return
        self._stopped = True
        self._wake.send(b"\0")
        self._thread.join(_ORDER_TIMEOUT_S)
        if self._thread.is_alive():
            raise TimeoutError("the proxy does not end")
        self._stop_listening()
        self._reset_all()
        self._selector.close()
        for made in (self._reserved, self._wake, self._wake_read):
            made.close()

    def _do(self, order: Callable[[], None]) -> None:
        """Run an order on the proxy's thread, and wait for it."""
        if self._stopped:
            raise ValueError("the proxy is closed")
        done = threading.Event()

        def run() -> None:
            order()
            done.set()

        self._orders.put(run)
        self._wake.send(b"\0")
        if not done.wait(_ORDER_TIMEOUT_S):
            raise TimeoutError("the proxy does not take orders")

    # Everything below runs on the proxy's thread.

    def _run(self) -> None:
        while not self._stopped:
            for key, mask in self._selector.select(self._until_due()):
                if key.fileobj is self._wake_read:
                    with contextlib.suppress(BlockingIOError):
                        self._wake_read.recv(_CHUNK)
                elif key.fileobj is self._listener:
                    self._accept()
                elif mask & selectors.EVENT_READ:
                    self._read(key.data)
            while not self._orders.empty():
                self._orders.get()()
            for connection in list(self._connections):
                self._advance(connection)

    def _until_due(self) -> float | None:
        due = [
            lane.waiting[0][0]
            for connection in self._connections
            for lane in (connection.to_server, connection.to_client)
            if lane.waiting and self._way is _Way.PASS
        ]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _set_way(self, way: _Way) -> None:
        self._way = way
        if way is _Way.DROP:
            for connection in self._connections:
                for lane in (connection.to_server, connection.to_client):
                    lane.lost |= bool(lane.waiting)
                    lane.waiting.clear()
                    lane.size = 0

    def _heal(self) -> None:
        self._way, self._delay_s = _Way.PASS, 0.0
        self._losses.clear()
        for connection in list(self._connections):
            if connection.to_server.lost or connection.to_client.lost:
                self._drop(connection)
        if self._listener is None:
            self._listen()
        hanging, self._hanging = self._hanging, []
        for client in hanging:
            self._connect(client)

    def _arm(self, loss: Loss) -> None:
        self._losses.append(loss)

    def _listen(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen()
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self) -> None:
        assert self._listener is not None
        with contextlib.suppress(BlockingIOError, *_GONE):
            client, _ = self._listener.accept()
            if self._way is _Way.PASS:
                self._connect(client)
            else:
                self._hanging.append(client)

    def _connect(self, client: socket.socket) -> None:
        server = socket.socket()
        server.settimeout(_CONNECT_TIMEOUT_S)
        try:
            server.connect(("127.0.0.1", self._target))
        except OSError:  # PostgreSQL is away
            server.close()
            _reset(client)
            return
        connection = _Connection(client, server)
        for end in (client, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.append(connection)

    def _reset_all(self) -> None:
        for connection in list(self._connections):
            self._drop(connection)
        for client in self._hanging:
            _reset(client)
        self._hanging.clear()

    def _drop(self, connection: _Connection, *, in_order: bool = False) -> None:
        """Forget a connection and reset its ends, or close them where both have ended `in_order`."""
        self._connections.remove(connection)
        for end in (connection.client, connection.server):
            self._unwatch(end)
            if in_order:
                end.close()
            else:
                _reset(end)
        if connection.loss is not None and connection.loss.happened.is_set():
            connection.loss.done.set()

    def _read(self, work: tuple[_Connection, _Lane]) -> None:
        connection, lane = work
        if connection not in self._connections or lane.ended:
            return
        try:
            data = lane.source.recv(_CHUNK)
        except BlockingIOError:
            return
        except _GONE:
            data, lane.ended_by_reset = b"", True
        if not data:
            lane.ended = True
            return
        at = lane.read
        lane.read += len(data)
        if self._way is _Way.DROP or lane.lost:
            lane.lost = True
            return
        if lane is connection.to_client:
            self._take_answer(connection, data)
        else:
            self._take_request(connection, data, at)

    def _take_answer(self, connection: _Connection, data: bytes) -> None:
        connection.conversation.from_server(data)
        hit = connection.conversation.hit
        if connection.loss is None or hit is None:
            connection.to_client.hold(data, time.monotonic() + self._delay_s)

    def _take_request(self, connection: _Connection, data: bytes, at: int) -> None:
        conversation, lane = connection.conversation, connection.to_server
        if connection.loss is None:
            conversation.wanted = self._losses[0].pattern if self._losses else None
        conversation.from_client(data)
        due = time.monotonic() + self._delay_s
        hit = conversation.hit
        if hit is not None and connection.loss is None:
            connection.loss = self._losses.pop(0)
        if connection.loss is None or hit is None or not connection.loss.late_s:
            lane.hold(data, due)
            return
        before = max(0, hit.start - at)
        if before:
            lane.hold(data[:before], due)
        if data[before:]:
            lane.hold(data[before:], time.monotonic() + connection.loss.late_s)

    def _advance(self, connection: _Connection) -> None:
        self._lose(connection)
        if connection not in self._connections:
            return
        if self._way is _Way.PASS:
            for lane in (connection.to_server, connection.to_client):
                if not self._pass_on(connection, lane):
                    return
            if connection.to_server.told and connection.to_client.told:
                self._drop(connection, in_order=True)
                return
        for lane, other in (
            (connection.to_server, connection.to_client),
            (connection.to_client, connection.to_server),
        ):
            self._watch(connection, lane, other)

    def _lose(self, connection: _Connection) -> None:
        """Cut the client off once its statement is complete or answered, and the server once it has answered."""
        loss, conversation = connection.loss, connection.conversation
        if loss is None or conversation.hit is None:
            return
        over = conversation.hit_is_answered or connection.to_client.ended
        if not loss.happened.is_set() and (over or (loss.late_s and conversation.hit.complete)):
            self._unwatch(connection.client)
            _reset(connection.client)
            connection.client_cut = True
            loss.happened.set()
        if over:
            self._drop(connection)

    def _pass_on(self, connection: _Connection, lane: _Lane) -> bool:
        """Send what is due. False: the connection was dropped."""
        if lane.told or (lane.target is connection.client and connection.client_cut):
            return True
        now = time.monotonic()
        try:
            while lane.waiting and lane.waiting[0][0] <= now:
                due, data = lane.waiting.popleft()
                sent = lane.target.send(data)
                lane.size -= sent
                if sent < len(data):
                    lane.waiting.appendleft((due, data[sent:]))
        except BlockingIOError:
            lane.waiting.appendleft((due, data))
        except _GONE:
            lane.waiting.clear()
            lane.size = 0
            lane.told = True  # it cannot be told any more; the other lane reads the end
        if lane.ended and not lane.waiting and not lane.told:
            lane.told = True
            if lane.ended_by_reset:
                self._drop(connection)
                return False
            with contextlib.suppress(OSError):
                lane.target.shutdown(socket.SHUT_WR)
        return True

    def _watch(self, connection: _Connection, lane: _Lane, other: _Lane) -> None:
        """Look at the lane's source for what it sends, and whether it takes what waits for it."""
        source = lane.source
        if source is connection.client and connection.client_cut:
            return
        mask = 0
        if not lane.ended and (lane.size < _MOST_HELD or self._way is _Way.DROP):
            mask |= selectors.EVENT_READ
        if self._way is _Way.PASS and other.waiting and other.waiting[0][0] <= time.monotonic():
            mask |= selectors.EVENT_WRITE
        present = self._selector.get_map().get(source)
        if not mask:
            self._unwatch(source)
        elif present is None:
            self._selector.register(source, mask, (connection, lane))
        elif present.events != mask:
            self._selector.modify(source, mask, (connection, lane))

    def _unwatch(self, end: socket.socket) -> None:
        if end.fileno() >= 0 and end in self._selector.get_map():
            self._selector.unregister(end)


def _reset(end: socket.socket) -> None:
    """Close a socket with RST."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
