"""The threads that answer requests."""

from __future__ import annotations

import logging
from typing import Any

from waitress.task import ThreadedTaskDispatcher


class Dispatcher(ThreadedTaskDispatcher):
    """Waitress's dispatcher without its warning for each request that waits for a thread.

    With 64 clients and 32 threads half of the requests wait, and each warning is one more line in the journal of the box.
    """

    queue_logger: Any = logging.getLogger(f"{__name__}.queue")

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.queue_logger.setLevel(logging.ERROR)
        self.set_thread_count(threads)
