"""Records the modem at a serial device that no other program uses."""

from __future__ import annotations

from collections.abc import Callable

from modem.at.serial_port import open_device
from modem.hardware.device_path import find_device
from modem.recording.document import Recording
from modem.recording.line import RawLine
from modem.recording.recorder import Recorder


def record_device(
    device: str, baud: int, recorder: Recorder, *, rtscts: bool = False, stop: Callable[[], bool]
) -> Recording:
    """The recording of a modem. `device`: as in the configuration. `stop`: asked often; true gives up.

    Raises DeviceUnavailableError, NoModemError, LineLostError, GivenUpError.
    """
    port = open_device(find_device(device), baud, rtscts=rtscts)
    try:
        return recorder.record(RawLine(port.fd, stop))
    finally:
        port.close()
