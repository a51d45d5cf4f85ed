"""Posts a signed body to a URL: resolves and judges the host, keeps the connection, and bounds the whole attempt."""

from __future__ import annotations

import errno
import select
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Final

from gatewayd.webhooks.http_answer import AnswerError, HttpAnswer
from gatewayd.webhooks.http_exchange import post
from gatewayd.webhooks.judge import Judge
from gatewayd.webhooks.network_presence import has_network
from gatewayd.webhooks.resolver import Resolver
from gatewayd.webhooks.targets import Target, TargetError, parse

TIMEOUT_S: Final = 15.0
"""The whole attempt: name, connection, TLS, request and the head of the answer."""

# A connection is used again for this long; the next one is resolved and judged anew.
_KEPT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one POST."""

    duration_ms: int
    status_code: int | None = None  # None: no answer came
    error: str | None = None  # a sentence for a person; None: it succeeded
    retry_after: str | None = None  # the header's value
    response: bytes = b""

    @property
    def delivered(self) -> bool:
        """Whether the receiver has the event."""
        return self.error is None


@dataclass(frozen=True)
class Way:
    """The way to the receivers: judge, resolver, the certificates that are believed, and the network of the box."""

    judge: Judge = field(default_factory=Judge)
    resolver: Resolver = field(default_factory=Resolver)
    ca_file: Path | None = None  # of a LAN's own authority, beside those of the system
    online: Callable[[], bool] = has_network  # without a network, a failure says nothing about the receiver

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """The TLS settings; certificates and names are always verified. Raises OSError where `ca_file` is unusable."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Python 3.13 refuses an authority without the key usage extension, as `openssl req -x509` makes it: an upgrade of
        # Python must not stop the deliveries of a LAN. Chain, dates and name are verified on every Python.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.ca_file is not None:
            context.load_verify_locations(self.ca_file)
        return context


@dataclass(frozen=True, slots=True)
class _Kept:
    """An open connection that may be used again."""

    sock: socket.socket
    target: tuple[str, str, int]  # scheme, host, port
    private: bool
    until: float  # monotonic seconds


class Poster:
    """Posts to one receiver at a time. Not for several threads."""

    def __init__(self, way: Way, timeout_s: float = TIMEOUT_S) -> None:
        self._way = way
        self._timeout_s = timeout_s
        self._kept: _Kept | None = None
        self._sock: socket.socket | None = None  # of the attempt in progress
        self.aborted = False

    def post(self, url: str, headers: Mapping[str, str], body: bytes, *, private: bool) -> Attempt:
        """Make one attempt. Never raises for what a URL, a network or a receiver does. `private`: see `Judge.check`."""
        began = monotonic()
        try:
            answer = self._exchange(parse(url), headers, body, private, began + self._timeout_s)
        except TargetError as error:
            return Attempt(_ms(began), error=f"The URL {error}.")
        except AnswerError as error:
            return Attempt(_ms(began), error=_sentence(str(error)))
        except OSError as error:
            return Attempt(_ms(began), error=_sentence(_reason(error, self._timeout_s)))
        return Attempt(_ms(began), answer.status, _failure(answer.status), answer.retry_after, answer.body)

    def abort(self) -> None:
        """End the attempt in progress and all later ones. Any thread may call it."""
        self.aborted = True
        sock = self._sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is closed already

    def close(self) -> None:
        """Close the kept connection."""
        if self._kept is not None:
            self._kept.sock.close()
            self._kept = None

    def _exchange(
        self, target: Target, headers: Mapping[str, str], body: bytes, private: bool, deadline: float
    ) -> HttpAnswer:
        address = (target.scheme, target.host, target.port)
        kept = self._reusable(address, private)
        if kept is not None:
            try:
                return self._on(kept, target, headers, body, deadline)
            except TimeoutError:
                raise
            except (OSError, AnswerError):
                pass  # the receiver closed it at that moment: once more on a new connection
        kept = _Kept(self._connect(target, private, deadline), address, private, monotonic() + _KEPT_S)
        return self._on(kept, target, headers, body, deadline)

    def _on(
        self, kept: _Kept, target: Target, headers: Mapping[str, str], body: bytes, deadline: float
    ) -> HttpAnswer:
        self._sock = kept.sock
        try:
            if self.aborted:
                raise ConnectionAbortedError
            answer = post(kept.sock, target.host_header, target.path, headers, body, deadline)
        except BaseException:
            kept.sock.close()
            raise
        finally:
            self._sock = None
        if answer.reusable:
            self._kept = kept
        else:
            kept.sock.close()
        return answer

    def _reusable(self, address: tuple[str, str, int], private: bool) -> _Kept | None:
        kept, self._kept = self._kept, None
        if kept is None:
            return None
        # A readable connection was closed by the receiver, or holds bytes that belong to no request.
        fits = (kept.target, kept.private) == (address, private) and monotonic() < kept.until
        if fits and not _readable(kept.sock):
            return kept
        kept.sock.close()
        return None

    def _connect(self, target: Target, private: bool, deadline: float) -> socket.socket:
        """A connection to the first judged address that accepts one. Raises TargetError, OSError."""
        addresses = self._permitted(target, private, deadline)
        problem: OSError = TimeoutError()
        for index, address in enumerate(addresses):
            left = deadline - monotonic()
            if left <= 0:
                break
            try:
                return self._open(target, address, left / (len(addresses) - index))
            except ssl.SSLError:
                raise
            except OSError as error:
                problem = error
        raise problem

    def _permitted(self, target: Target, private: bool, deadline: float) -> list[str]:
        found = self._way.resolver.addresses(target.host, target.port, deadline - monotonic())
        permitted, refusal = list[str](), TargetError("leads nowhere")
        for address in found:
            try:
                self._way.judge.check(address, private=private)
                permitted.append(address)
            except TargetError as error:
                refusal = error
        if not permitted:
            raise refusal
        return permitted

    def _open(self, target: Target, address: str, timeout_s: float) -> socket.socket:
        until = monotonic() + timeout_s
        sock = socket.create_connection((address, target.port), timeout=timeout_s)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.scheme == "https":
                sock.settimeout(max(0.001, until - monotonic()))
                return self._way.tls.wrap_socket(sock, server_hostname=target.host)
        except BaseException:
            sock.close()
            raise
        return sock


_REASONS: Final[tuple[tuple[type[OSError], str], ...]] = (
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionError, "the receiver closed the connection without an answer"),
)
_NO_ROUTE: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH)


def _reason(error: OSError, timeout_s: float) -> str:
    """The reason of a failure, without a capital letter and without a full stop."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return f"no complete answer came within {timeout_s:g} s"
    known = next((text for kind, text in _REASONS if isinstance(error, kind)), None)
    if error.errno in _NO_ROUTE:
        known = "there is no route to the receiver"
    return known or f"the connection failed: {error.strerror or error}"


def _readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _failure(status: int) -> str | None:
    """The sentence for a status; None for a success."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"The receiver answered {status}; redirects are not followed."
    return f"The receiver answered {status}."


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _ms(began: float) -> int:
    return round((monotonic() - began) * 1000)
