"""The memory of a claiming box: from where it reads each lane of the queue, and whose turn it is."""

from __future__ import annotations


class Lanes:
    """Where each lane of the queue begins, so that a claim does not pass over what was claimed before. One thread uses it.

    A lane: planned SIM, pinned, priority, company, transactional.
    """

    def forget(self) -> None:
        """Forget everything, after a claim that was not committed, or whose answer was lost."""
