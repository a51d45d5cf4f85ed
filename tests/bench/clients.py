"""Keep-alive clients in a separate process that use little CPU time: they send prepared bytes on plain sockets.

    python -m tests.bench.clients HOST PORT PATH KEY CLIENTS SECONDS MESSAGES

Each request has this number of MESSAGES: 1 by `send`, more by `send-bulk`. Prints the messages a second that were answered with 200.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

FIRST = "+22370000000"


def request(path: str, host: str, key: str, messages: int) -> bytes:
    """The bytes of one request."""
    text = "Bonjour, votre colis est arrive"
    message = {"recipient": FIRST, "message": text}
    body = json.dumps(message if messages == 1 else {"messages": [message] * messages}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\nPrefer: respond-async\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def client(address: tuple[str, int], content: bytes, end: float, done: list[int], faults: list[str]) -> None:
    """Send requests until `end`, and append each error to `faults`."""
    try:
        _send(address, content, end, done, faults)
    except OSError as error:
        faults.append(str(error))


def _send(address: tuple[str, int], content: bytes, end: float, done: list[int], faults: list[str]) -> None:
    with socket.create_connection(address) as connection, connection.makefile("rb") as answers:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < end:
            connection.sendall(content)
            status = answers.readline()
            length = 0
            while (line := answers.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            body = answers.read(length)
            if not status.startswith(b"HTTP/1.1 200"):
                faults.append((status + body[:200]).decode())
                return
            done.append(1)


def main() -> None:
    """Run the clients, and print their rate."""
    host, port, path, key, clients, seconds, messages = sys.argv[1:]
    content = request(path, host, key, int(messages))
    done: list[int] = []
    faults: list[str] = []
    start = time.monotonic()
    arguments = ((host, int(port)), content, start + float(seconds), done, faults)
    threads = [threading.Thread(target=client, args=arguments) for _ in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        sys.exit(faults[0])
    sys.stdout.write(f"{len(done) * int(messages) / (time.monotonic() - start)}\n")


if __name__ == "__main__":
    main()
