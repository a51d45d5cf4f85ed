"""Keep-alive clients in a process of their own, as cheap as can be: prepared bytes on bare sockets.

    python -m tests.bench.clients HOST PORT PATH KEY CLIENTS SECONDS MESSAGES

Each call takes so many MESSAGES: 1 by `send`, more by `send-bulk`. Prints messages a second that were answered with 200.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

FIRST = "+22370000000"


def request(path: str, host: str, key: str, messages: int) -> bytes:
    """The octets of one call."""
    text = "Bonjour, votre colis est arrive"
    one = {"recipient": FIRST, "message": text}
    body = json.dumps(one if messages == 1 else {"messages": [one] * messages}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\nPrefer: respond-async\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def client(address: tuple[str, int], octets: bytes, end: float, done: list[int], faults: list[str]) -> None:
    """Call until the end; what is wrong goes to `faults`."""
    try:
        _call(address, octets, end, done, faults)
    except OSError as error:
        faults.append(str(error))


def _call(address: tuple[str, int], octets: bytes, end: float, done: list[int], faults: list[str]) -> None:
    with socket.create_connection(address) as connection, connection.makefile("rb") as answers:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < end:
            connection.sendall(octets)
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
    """Run them all, and print what they did."""
    host, port, path, key, clients, seconds, messages = sys.argv[1:]
    octets = request(path, host, key, int(messages))
    done: list[int] = []
    faults: list[str] = []
    start = time.monotonic()
    arguments = ((host, int(port)), octets, start + float(seconds), done, faults)
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
