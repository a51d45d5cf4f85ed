"""The proxy between a box and PostgreSQL: it changes no octet until it gets an order, and then fails exactly as ordered."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import eventually
from tests.fleet.conversation import Conversation
from tests.fleet.databases import Database
from tests.fleet.proxy import COMMIT, Proxy
from tools.postgres_folder import PostgresFolder

pytestmark = pytest.mark.postgres


class Echo:
    """A server that gives back what it gets, turned over octet by octet, and closes when its client has."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self.listener.accept()[:1], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                client.sendall(bytes(octet ^ 0xFF for octet in data))


@pytest.fixture(scope="module")
def echoing() -> Iterator[Proxy]:
    """A proxy before an echo."""
    server = Echo()
    with Proxy(server.port) as proxy:
        yield proxy
    server.listener.close()


@pytest.fixture
def proxy(database: Database) -> Iterator[Proxy]:
    """A proxy before the shared server, and an empty table `kept` of the role."""
    with psycopg.connect(database.dsn) as direct:
        direct.execute("CREATE TABLE kept (id int)")
    with Proxy(database.server.port) as made:
        yield made


def through(database: Database, proxy: Proxy, *, autocommit: bool = False) -> psycopg.Connection:
    return psycopg.connect(database.dsn_through(proxy.port), autocommit=autocommit)


def kept(database: Database) -> list[int]:
    return [int(line) for line in database.psql("SELECT id FROM kept ORDER BY id").split()]


@given(chunks=st.lists(st.binary(max_size=3000), max_size=6), repeated=st.sampled_from([1, 1, 1, 200]))
@settings(max_examples=60)
def test_octets_pass_unchanged_in_both_directions(echoing: Proxy, chunks: list[bytes], repeated: int) -> None:
    sent = b"".join(chunks) * repeated
    with socket.create_connection(("127.0.0.1", echoing.port)) as client:
        client.settimeout(60)

        def write() -> None:
            for start, end in pairwise([*range(0, len(sent), 70_001), len(sent)]):
                client.sendall(sent[start:end])
            client.shutdown(socket.SHUT_WR)

        writer = threading.Thread(target=write)
        writer.start()
        got = bytearray()
        while data := client.recv(1 << 16):
            got += data
        writer.join()
    assert bytes(octet ^ 0xFF for octet in got) == sent


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=20))
def test_the_reader_of_messages_takes_any_octets(chunks: list[tuple[bool, bytes]]) -> None:
    conversation = Conversation()
    for from_client, chunk in chunks:
        (conversation.from_client if from_client else conversation.from_server)(chunk)


def test_a_session_of_postgresql_works_as_without(database: Database, proxy: Proxy) -> None:
    with through(database, proxy) as connection:
        for number in range(20):  # more than it takes until psycopg prepares the statement
            connection.execute("INSERT INTO kept VALUES (%s)", (number,))
        connection.commit()
        large = "x" * 3_000_000
        assert connection.execute("SELECT %s", (large,)).fetchone() == (large,)
    assert kept(database) == list(range(20))
    eventually(lambda: proxy.connections == 0)


def test_during_a_cut_nothing_passes_and_new_connections_hang(echoing: Proxy) -> None:
    address = ("127.0.0.1", echoing.port)
    with socket.create_connection(address) as before, socket.create_connection(address) as idle:
        for client in (before, idle):
            client.sendall(b"a")
            assert client.recv(1) == b"\x9e"
        echoing.cut()
        with socket.create_connection(address) as during:
            for client in (before, during):
                client.settimeout(0.1)
                client.sendall(b"b")
                with pytest.raises(TimeoutError):
                    client.recv(1)
            echoing.heal()
            for client in (before, during, idle):
                client.settimeout(60)
            with pytest.raises(ConnectionResetError):
                before.recv(1)
            assert during.recv(1) == b"\x9d"
            idle.sendall(b"c")
            assert idle.recv(1) == b"\x9c"


def test_after_a_late_cut_everything_arrives(database: Database, proxy: Proxy) -> None:
    connection = through(database, proxy)
    connection.execute("INSERT INTO kept VALUES (1)")
    proxy.cut(late=True)
    connection.pgconn.send_query(b"COMMIT")
    connection.pgconn.finish()  # the client gives up; what it sent is on its way all the same
    assert kept(database) == []
    proxy.heal()
    eventually(lambda: kept(database) == [1])
    connection.close()


def test_a_refusal_leaves_present_connections(echoing: Proxy) -> None:
    address = ("127.0.0.1", echoing.port)
    with socket.create_connection(address) as client:
        client.settimeout(60)
        echoing.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        client.sendall(b"a")
        assert client.recv(1) == b"\x9e"
        echoing.heal()
        socket.create_connection(address).close()


def test_a_reset_ends_present_connections_only(database: Database, proxy: Proxy) -> None:
    with through(database, proxy) as connection:
        connection.execute("SELECT 1")
        proxy.reset()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with through(database, proxy) as connection:
        connection.execute("SELECT 1")


def test_a_delay_counts_in_each_direction(echoing: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", echoing.port)) as client:
        client.settimeout(60)
        echoing.delay(150)
        began = time.monotonic()
        client.sendall(b"a")
        assert client.recv(1) == b"\x9e"
        assert time.monotonic() - began >= 0.3
        echoing.heal()


Run = Callable[[psycopg.Connection], object]
WAYS: dict[str, tuple[bool, Run]] = {
    "commit": (False, lambda db: db.commit()),
    "simple": (False, lambda db: db.execute("COMMIT")),
    "parameters": (True, lambda db: db.execute("INSERT INTO kept SELECT %s", (2,))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("late_s", [0.0, 0.3])
def test_a_lost_answer_is_of_a_statement_that_was_committed(
    database: Database, proxy: Proxy, way: str, late_s: float
) -> None:
    autocommit, run = WAYS[way]
    connection = through(database, proxy, autocommit=autocommit)
    connection.execute("INSERT INTO kept VALUES (1)")
    loss = proxy.lose_answer_to("SELECT .1" if autocommit else COMMIT, late_s=late_s)
    with pytest.raises(psycopg.OperationalError):
        run(connection)
    assert loss.happened.wait(60)
    expected = [1, 2] if autocommit else [1]
    if late_s:
        assert kept(database) == expected[:-1]
    assert loss.done.wait(60)
    assert kept(database) == expected
    with through(database, proxy) as after:  # the next one has its answer
        after.execute("INSERT INTO kept VALUES (9)")
        after.commit()
    connection.close()


def test_a_prepared_statement_is_recognised_by_its_name(database: Database, proxy: Proxy) -> None:
    with through(database, proxy, autocommit=True) as connection:
        connection.execute("INSERT INTO kept SELECT %s", (1,), prepare=True)
        loss = proxy.lose_answer_to("INSERT INTO kept")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("INSERT INTO kept SELECT %s", (2,), prepare=True)
        assert loss.done.wait(60)
    assert kept(database) == [1, 2]


def test_only_the_statement_that_is_named_loses_its_answer(database: Database, proxy: Proxy) -> None:
    loss = proxy.lose_next_commit_answer()
    with through(database, proxy) as connection:
        connection.execute("INSERT INTO kept VALUES (1)")
        connection.rollback()
        assert not loss.happened.is_set()
        proxy.heal()
        connection.execute("INSERT INTO kept VALUES (2)")
        connection.commit()
    assert kept(database) == [2]


def test_a_dead_server_is_refused_and_a_restarted_one_reached(own_cluster: PostgresFolder) -> None:
    with Proxy(own_cluster.port) as proxy:
        address = own_cluster.dsn("gatewayd", port=proxy.port)
        connection = psycopg.connect(address)
        own_cluster.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        connection.close()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(address)
        own_cluster.start()
        psycopg.connect(address).close()
