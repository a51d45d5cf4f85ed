"""Conditions on the state of a part, in the words of the partial indexes.

SQLite uses a partial index only where a query repeats the condition of the index. Without it, it reads all parts.
"""

# As in the index `parts_queue`: ready to be sent.
QUEUED = "state = 'queued' AND deferred = 0"

# As in the index `parts_open`: a port has the part, or its outcome is unknown.
OPEN = "state IN ('submitting', 'in_doubt')"

SUBMITTING = f"{OPEN} AND state = 'submitting'"

IN_DOUBT = f"{OPEN} AND state = 'in_doubt'"
