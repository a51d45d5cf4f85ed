"""Record every make that the simulator knows from itself, into modem/simulator/recordings.

python tools/record_makes.py

It takes a minute. Run it after a change of the simulator or of the questions, and look at what changed in the files.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gatewayd.version import VERSION  # noqa: E402 - the tool runs from anywhere
from modem.at.serial_port import open_device  # noqa: E402
from modem.recording import document  # noqa: E402
from modem.recording.anonymise import Anonymiser  # noqa: E402
from modem.recording.document import Recording  # noqa: E402
from modem.recording.line import RawLine  # noqa: E402
from modem.recording.made_up import MadeUp  # noqa: E402
from modem.recording.recorder import Recorder, Wishes  # noqa: E402
from modem.simulator.bank import Bank, BankConfig  # noqa: E402
from modem.simulator.collection import FOLDER  # noqa: E402
from modem.simulator.personality import PERSONALITIES  # noqa: E402

_KEY = b"the numbers of the simulator"  # belong to nobody, so they may be the same in each run


def record_all(time_scale: float = 1.0, booted_s: float = 12.0) -> dict[str, Recording]:
    """A recording of each make, by its name, with the lines after a restart."""
    makes = dict(enumerate(sorted(PERSONALITIES), 1))
    with tempfile.TemporaryDirectory() as folder:
        config = BankConfig(Path(folder), ports=len(makes), personality_of=makes, time_scale=time_scale)
        with Bank(config) as bank, ThreadPoolExecutor(len(makes)) as threads:
            made = {make: threads.submit(_record, bank, port, make, booted_s) for port, make in makes.items()}
            return {make: future.result() for make, future in made.items()}


def _record(bank: Bank, port: int, make: str, booted_s: float) -> Recording:
    device = open_device(str(bank.device(port)), 115_200)
    try:
        recorder = Recorder(
            Wishes(restart=True),
            by=f"gatewayd {VERSION}",
            today=datetime.now(UTC).date(),
            anonymiser=Anonymiser(MadeUp(_KEY)),
            booted_s=booted_s,
        )
        recording = recorder.record(RawLine(device.fd))
    finally:
        device.close()
    source = recording.source.model_copy(update={"kind": "simulated"})
    return recording.model_copy(update={"source": source, "make": make})


if __name__ == "__main__":
    for name, recorded in record_all().items():
        (FOLDER / f"simulated-{name}.json").write_text(document.text_of(recorded), encoding="ascii")
