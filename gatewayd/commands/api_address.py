"""Check the addresses of the API: they are free, or the running daemon answers there."""

from __future__ import annotations

import errno
import http.client
import json
from collections.abc import Sequence

from api.server.listeners import ListenError, open_listeners
from config.language.text import Text
from config.settings import Address, ApiSettings
from gatewayd.diagnostics.findings import Finding, fault, ok

_ABOUT = Text("address")
_ANSWER_S = 10.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}  # noqa: S104 - the address at which a server on all addresses is reached


def check_free(settings: ApiSettings) -> Finding:
    """Check that a daemon could listen on the addresses."""
    addresses = _listed(settings.addresses)
    try:
        for listener in open_listeners(settings.addresses):
            listener.close()
    except ListenError as error:
        return fault(_ABOUT, _advice(error))
    if len(settings.addresses) == 1:
        return ok(_ABOUT, Text("{address} is free.", address=addresses))
    return ok(_ABOUT, Text("{addresses} are free.", addresses=addresses))


def _advice(error: ListenError) -> Text:
    address, where = error.address, error.where
    if error.errno is None:
        reason = str(error.__cause__)
        return Text(
            "{address} is not an address ({reason}): correct api.listen.", address=address, reason=reason
        )
    if error.errno == errno.EADDRINUSE:
        return Text(
            "Another program listens on {where}: stop it (`sudo ss -ltnp 'sport = :{port}'` names it), or set"
            " api.listen to another port.",
            where=where,
            port=address.port,
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return Text(
            "This box does not have the address {host} now: correct api.listen, or connect its network.",
            host=address.host,
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return Text("Only root may listen on {where}: set api.listen to a port from 1024 up.", where=where)
    return Text("{reason}: correct api.listen.", reason=str(error))


def check_answered(settings: ApiSettings) -> Finding:
    """Check that the running daemon answers on each address."""
    asked = [address for address in settings.addresses if address.port]
    if not asked:
        listed = _listed(settings.addresses)
        return ok(_ABOUT, Text("{address} means any free port, so it is not checked.", address=listed))
    for address in asked:
        try:
            status, body = _health(address)
        except (OSError, http.client.HTTPException) as error:
            text = Text(
                "The daemon runs, but does not answer on {address} ({reason}): if api.listen was changed, restart it.",
                address=address,
                reason=str(error),
            )
            return fault(_ABOUT, text)
        if not _is_ours(body):
            text = Text(
                "Another program answers on {address}: if api.listen was changed, correct it and restart the daemon.",
                address=address,
            )
            return fault(_ABOUT, text)
        if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
            text = Text(
                "The daemon answers on {address}, but accepts no messages: see the other lines.",
                address=address,
            )
            return fault(_ABOUT, text)
    return ok(_ABOUT, Text("The daemon answers on {addresses}.", addresses=_listed(asked)))


def _listed(addresses: Sequence[Address]) -> str:
    return ", ".join(map(str, addresses))


def _health(address: Address) -> tuple[int, bytes]:
    host = _ANYWHERE.get(address.host, address.host)
    connection = http.client.HTTPConnection(host, address.port, timeout=_ANSWER_S)
    try:
        connection.request("GET", "/api/health")
        answer = connection.getresponse()
        return answer.status, answer.read(65536)
    finally:
        connection.close()


def _is_ours(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body)["success"], bool)
    except (ValueError, KeyError, TypeError):
        return False
