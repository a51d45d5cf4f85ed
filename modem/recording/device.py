"""Records the modem at a serial device that no other program uses."""

from __future__ import annotations

from modem.at.serial_port import open_device
from modem.hardware.device_path import find_device
from modem.recording.document import Recording
from modem.recording.line import RawLine
from modem.recording.recorder import Recorder


def record_device(device: str, baud: int, recorder: Recorder) -> Recording:
    """The recording of a modem at a serial device that no other program uses. `device`: as in the configuration.

    Raises DeviceUnavailableError, NoModemError, LineLostError.
    """
    port = open_device(find_device(device), baud)
    try:
        return recorder.record(RawLine(port.fd))
    finally:
        port.close()
