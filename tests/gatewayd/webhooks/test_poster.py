"""One attempt: what counts as a success, what it tells otherwise, and that no receiver holds it longer than its time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import pytest

from gatewayd.webhooks.judge import Judge
from gatewayd.webhooks.poster import TIMEOUT_S, Attempt, Poster, Way
from gatewayd.webhooks.resolver import Resolver
from tests.gatewayd.webhooks.receiver import (
    LOOPBACK,
    Answer,
    Certificates,
    RawReceiver,
    Receiver,
    open_judge,
    open_way,
    read_request,
)

SHORT_S = 0.3  # the time of an attempt that is to run out


def post(poster: Poster, url: str, headers: dict[str, str] | None = None) -> Attempt:
    return poster.post(url, headers or {}, b"{}", private=True)


def once(way: Way, url: str, headers: dict[str, str] | None = None, timeout_s: float = TIMEOUT_S) -> Attempt:
    """One attempt whose connection is not kept."""
    with closing(Poster(way, timeout_s)) as poster:
        return post(poster, url, headers)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


def test_a_2xx_answer_is_a_success_and_the_bytes_arrive_as_given() -> None:
    with Receiver(lambda _: Answer(204)) as receiver:
        done = once(open_way(), receiver.url + "?a=b", {"webhook-id": "evt_1"})
    assert (done.delivered, done.status_code, done.error) == (True, 204, None)
    [request] = receiver.received
    assert (request.path, request.body) == ("/hook?a=b", b"{}")
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "evt_1"


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(status: int) -> None:
    with Receiver() as elsewhere, Receiver(lambda _: Answer(status, {"Location": elsewhere.url})) as receiver:
        done = once(open_way(), receiver.url)
        assert (done.delivered, done.status_code) == (False, status)
        assert done.error == f"The receiver answered {status}; redirects are not followed."
        assert elsewhere.received == []


def test_the_answer_is_kept_up_to_64_kib_and_retry_after_is_told() -> None:
    with Receiver(lambda _: Answer(503, {"Retry-After": "120"}, b"x" * 100_000)) as receiver:
        poster = Poster(open_way())
        done = post(poster, receiver.url)
        again = post(poster, receiver.url)
        poster.close()
    assert (done.retry_after, done.error) == ("120", "The receiver answered 503.")
    assert done.response == again.response == b"x" * 65_536
    assert len({request.connection for request in receiver.received}) == 2  # the rest was not read


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Receiver() as receiver:
        assert once(open_way(), receiver.url).delivered


def test_a_compressed_answer_is_not_decompressed() -> None:
    bomb = b"\x1f\x8b" + b"\0" * 100
    with Receiver(lambda _: Answer(200, {"Content-Encoding": "gzip"}, bomb)) as receiver:
        assert once(open_way(), receiver.url).response == bomb


def silent(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def one_byte_at_a_time(text: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)  # much less than the time of the attempt

    return serve


@pytest.mark.parametrize(
    "serve",
    [
        silent,
        one_byte_at_a_time(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000),
        one_byte_at_a_time(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    ],
    ids=["silent", "slow-head", "slow-continues"],
)
def test_a_receiver_that_gives_no_head_in_time_ends_at_the_deadline(
    serve: Callable[[socket.socket], None],
) -> None:
    with RawReceiver(serve) as receiver:
        done = once(open_way(), receiver.url, timeout_s=SHORT_S)
    assert (done.status_code, done.error) == (None, f"No complete answer came within {SHORT_S:g} s.")
    assert done.duration_ms < 5000


def test_a_slow_body_after_a_success_is_cut_off_at_the_deadline() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)

    with RawReceiver(serve) as receiver:
        done = once(open_way(), receiver.url, timeout_s=SHORT_S)
    assert (done.delivered, done.status_code) == (True, 200)
    assert done.duration_ms < 5000


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "The receiver closed the connection without an answer."),
        (b"nonsense\r\n\r\n", "The answer is not HTTP."),
        (b"HTTP/1.1 two OK\r\n\r\n", "The answer is not HTTP."),
        (b"HTTP/2.0 200 OK\r\n\r\n", "The answer is not HTTP."),
        (b"HTTP/1.1 200 OK\r\nX y\r\n\r\n", "The answer is not HTTP: a line of its head is no header field."),
        (b"HTTP/1.1 200 OK\r\nX: ", "The answer is not HTTP, or ended within its head."),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "The answer is too long."),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000, "The answer is too long."),
    ],
    ids=[
        "nothing",
        "no-http",
        "no-status",
        "http-2",
        "no-field",
        "half-a-head",
        "long-header",
        "endless-continues",
    ],
)
def test_a_broken_answer_is_a_failure_with_a_sentence(answer: bytes, error: str) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    with RawReceiver(serve) as receiver:
        done = once(open_way(), receiver.url)
    assert (done.delivered, done.status_code, done.error) == (False, None, error)


def test_a_refused_connection_tells_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    done = once(open_way(), f"http://127.0.0.1:{port}/")
    assert (done.status_code, done.error) == (None, "The connection was refused.")


def test_a_connection_is_used_again_and_replaced_where_the_receiver_closed_it() -> None:
    with Receiver() as receiver:
        poster = Poster(open_way())
        assert [post(poster, receiver.url).delivered for _ in range(3)] == [True] * 3
        assert len({request.connection for request in receiver.received}) == 1
        poster.close()

    def serve_one(connection: socket.socket) -> None:  # keep-alive is promised, and broken
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with RawReceiver(serve_one) as broken:
        assert [post(poster, broken.url).delivered for _ in range(3)] == [True] * 3
        assert broken.accepted == 3
        poster.close()


@pytest.mark.parametrize("at_once", [True, False])
def test_bytes_behind_an_answer_are_never_taken_for_the_next_answer(at_once: bool) -> None:
    refusal, success = (b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % text for text in (b"500 No", b"200 OK"))
    answered, both_sent = threading.Semaphore(0), threading.Semaphore(0)

    def serve(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(refusal + (success if at_once else b""))
            if not at_once:
                answered.acquire(timeout=10)
                connection.sendall(success)
            both_sent.release()

    with RawReceiver(serve) as receiver, closing(Poster(open_way())) as poster:
        for _ in range(3):
            assert post(poster, receiver.url).status_code == 500
            answered.release()
            assert both_sent.acquire(timeout=10)


class Names:
    """A name server: the answers of a name, one for each look-up; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def test_a_name_is_resolved_once_for_a_connection_and_named_in_the_host_header() -> None:
    names = Names(["127.0.0.1"])
    way = Way(judge=open_judge(), resolver=Resolver(names))
    with Receiver() as receiver:
        assert once(way, f"http://hooks.test:{receiver.port}/").delivered
        assert receiver.received[0].headers["host"] == f"hooks.test:{receiver.port}"
    assert names.asked == ["hooks.test"]


def test_a_name_that_leads_elsewhere_at_the_next_look_up_is_judged_again() -> None:
    """DNS rebinding: the name is first a public address, then the box."""
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    judge = Judge(exempt=[ip_network("127.0.0.2/32")])
    way = Way(judge=judge, resolver=Resolver(names))
    with Receiver() as receiver:
        # Nothing listens on 127.0.0.2: the first attempt fails after the judgement, at the connection.
        first = once(way, f"http://hooks.test:{receiver.port}/")
        second = once(way, f"http://hooks.test:{receiver.port}/")
        assert first.error == "The connection was refused."
        assert second.error == ("The URL must not lead to 127.0.0.1, which is an address of this box.")
        assert receiver.received == []


def test_only_the_permitted_addresses_of_a_name_are_used() -> None:
    way = Way(judge=Judge(exempt=LOOPBACK), resolver=Resolver(Names(["169.254.169.254", "127.0.0.1"])))
    with Receiver() as receiver:
        assert once(way, f"http://hooks.test:{receiver.port}/").delivered


def test_a_private_address_of_a_name_needs_a_permission() -> None:
    way = Way(judge=Judge(own=lambda _: False), resolver=Resolver(Names(["192.168.77.1"])))
    done = Poster(way).post("http://hooks.test/", {}, b"{}", private=False)
    assert done.error is not None
    assert "192.168.77.1, which is private" in done.error


@pytest.mark.parametrize(
    "url", ["http://127.1/", "http://2130706433/", "http://0x7f.0.0.1/", "http://localhost/"]
)
def test_another_spelling_of_loopback_is_refused_too(url: str) -> None:
    done = once(Way(), url)
    assert done.error is not None
    assert done.error.startswith("The URL must not lead to ")


def test_a_name_server_that_hangs_ends_at_the_deadline() -> None:
    def hanging(_host: str, _port: int) -> list[str]:
        time.sleep(2)
        return []

    way = Way(judge=open_judge(), resolver=Resolver(hanging, most=1))
    done = once(way, "http://hooks.test/", timeout_s=SHORT_S)
    assert done.error == "The URL leads to hooks.test, which was not resolved in time."
    again = post(Poster(way, SHORT_S), "http://hooks.test/")  # the first look-up still has the only place
    assert again.error is not None
    assert again.error.endswith("too many names are being resolved.")


def test_a_name_that_does_not_exist_is_a_failure_with_a_sentence() -> None:
    done = once(Way(), "http://no-such-host.invalid/")
    assert done.error is not None
    assert done.error.startswith("The URL leads to no-such-host.invalid, which cannot be resolved: ")


def test_a_certificate_of_a_known_authority_is_accepted_by_name_and_address(
    certificates: Certificates,
) -> None:
    way = Way(judge=open_judge(), resolver=Resolver(Names(["127.0.0.1"])), ca_file=certificates.ca)
    with Receiver(tls=certificates.server()) as receiver:
        poster = Poster(way)
        assert post(poster, f"https://hooks.test:{receiver.port}/").error is None
        assert post(poster, receiver.url).error is None
        poster.close()


@pytest.mark.parametrize("name", ["other.test", "hooks.test"])
def test_a_certificate_of_another_name_or_an_unknown_authority_is_refused(
    name: str, certificates: Certificates
) -> None:
    known = certificates.ca if name == "other.test" else None
    way = Way(judge=open_judge(), resolver=Resolver(Names(["127.0.0.1"])), ca_file=known)
    with Receiver(tls=certificates.server()) as receiver:
        done = once(way, f"https://{name}:{receiver.port}/")
        assert done.error is not None
        assert done.error.startswith("The certificate is not accepted: ")
        assert receiver.received == []


def test_a_receiver_that_speaks_no_tls_is_a_failure(certificates: Certificates) -> None:
    with Receiver() as receiver:
        done = once(open_way(), receiver.url.replace("http:", "https:"))
    assert done.error is not None
    assert done.error.startswith("TLS failed: ")


def test_a_handshake_that_hangs_ends_at_the_deadline() -> None:
    with RawReceiver(silent) as receiver:
        done = once(open_way(), receiver.url.replace("http:", "https:"), timeout_s=SHORT_S)
    assert done.error == f"No complete answer came within {SHORT_S:g} s."


def test_a_certificate_file_that_cannot_be_read_is_a_failure_with_a_sentence(tmp_path: Path) -> None:
    with Receiver() as receiver:
        done = once(open_way(tmp_path / "none.pem"), receiver.url.replace("http:", "https:"))
    assert done.error == "The connection failed: No such file or directory."
