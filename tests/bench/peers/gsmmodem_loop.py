"""The bare loop: GsmModem of python-gsmmodem-new, one thread for each modem, a queue in memory, and nothing stored.

Runs in a virtual environment with only this package. Reads the numbers to send to from standard input, one a line.
"""

import queue
import sys
import threading

from gsmmodem.modem import GsmModem

waiting: "queue.SimpleQueue[str]" = queue.SimpleQueue()
ready = threading.Semaphore(0)


def work(device: str) -> None:
    modem = GsmModem(device, 115200, smsStatusReportCallback=lambda report: None)
    modem.connect()
    ready.release()
    while True:
        number = waiting.get()
        modem.sendSms(number, "Message " + number)


for each in sys.argv[1:]:
    threading.Thread(target=work, args=(each,), daemon=True).start()
for _ in sys.argv[1:]:
    ready.acquire()
print("ready", flush=True)  # noqa: T201 - the benchmark waits for it
for line in sys.stdin:
    waiting.put(line.strip())
