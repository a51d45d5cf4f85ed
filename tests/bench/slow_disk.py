"""Makes the syncs of a child process slower: see slow_sync.c."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("slow_sync.c")


def slow_disk(folder: Path, sync_ms: int) -> dict[str, str]:
    """The environment variables for the process. Compiles the shim into the folder."""
    if not sync_ms:
        return {}
    shim = folder / "slow_sync.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", shim, SOURCE, "-ldl"], check=True)
    return {"LD_PRELOAD": str(shim), "SYNC_MS": str(sync_ms)}
