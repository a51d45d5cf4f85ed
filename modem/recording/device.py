"""Records the modem at a serial device that no other program uses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from modem.at.serial_port import open_device
from modem.hardware.device_path import find_device
from modem.recording.document import Recording
from modem.recording.line import RawLine
from modem.recording.recorder import Recorder, Wishes


def record_device(
    device: str,
    baud: int,
    wishes: Wishes,
    *,
    by: str,
    today: date,
    rtscts: bool = False,
    stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int, str], None] = lambda done, of, command: None,
) -> Recording:
    """The recording of a modem. `device`: as in the configuration. `stop`: asked often; true gives up.

    Raises DeviceUnavailableError, NoModemError, LineLostError, GivenUpError.
    """
    port = open_device(find_device(device), baud, rtscts=rtscts)
    try:
        line = RawLine(port.fd, stop)
        return Recorder(line, wishes, by=by, today=today, on_progress=on_progress).record()
    finally:
        port.close()
