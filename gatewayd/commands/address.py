"""The address of the API: free for a daemon that is to be started, or answered by the one that runs."""

from __future__ import annotations

import errno
import http.client
import json
import socket

from config.settings import Address, ApiSettings
from gatewayd.doctor.findings import Finding, fault, ok

_ABOUT = "address"
_ANSWER_S = 10.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how one is reached that listens everywhere


def check_free(settings: ApiSettings) -> Finding:
    """Whether a daemon could listen there."""
    host, port = settings.address
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        return fault(_ABOUT, _advice(settings, error))
    return ok(_ABOUT, f"{settings.listen} is free.")


def _advice(settings: ApiSettings, error: OSError) -> str:
    port = settings.address.port
    if isinstance(error, socket.gaierror):
        return f"{settings.listen} names no address ({error.strerror}): correct api.listen."
    if error.errno == errno.EADDRINUSE:
        return (
            f"Another program listens on {settings.listen}: stop it (`sudo ss -ltnp 'sport = :{port}'` names it), or set"
            " api.listen to another port."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"This box has no address {settings.address.host} now: correct api.listen, or connect its network."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Only root may listen on {settings.listen}: set api.listen to a port from 1024 up."
    return f"{settings.listen} cannot be listened on ({error.strerror or error}): correct api.listen."


def check_answered(settings: ApiSettings) -> Finding:
    """Whether the daemon that runs answers there."""
    where = settings.listen
    if settings.address.port == 0:
        return ok(_ABOUT, f"{where} means whatever port is free, and is not asked.")
    try:
        status, body = _health(settings.address)
    except (OSError, http.client.HTTPException) as error:
        text = f"The daemon runs, but does not answer on {where} ({error}): if api.listen was changed, restart it."
        return fault(_ABOUT, text)
    if not _is_ours(body):
        text = f"Another program answers on {where}: if api.listen was changed, set it right and restart the daemon."
        return fault(_ABOUT, text)
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        return fault(_ABOUT, f"The daemon answers on {where}, but takes no messages: see the other lines.")
    return ok(_ABOUT, f"The daemon answers on {where}.")


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
