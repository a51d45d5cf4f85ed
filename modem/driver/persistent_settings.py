"""Settings that many modems keep without power: read first, and written only where they differ.

Writing wears out the modem's memory, and the old value may be another program's choice.
"""

from __future__ import annotations

from collections.abc import Sequence

from modem.driver import parsers
from modem.driver.commands import Commands
from modem.driver.profiles import PersistentSettings
from modem.hardware.sysfs import Tty

_USB_AT, _USB_MODEM, _UART = "usbat", "usbmodem", "uart1"  # <urcportvalue> of Quectel's +QURCCFG
_EVERYWHERE = "all"  # newer firmware: URCs go to every port
_BY_INTERFACE = {2: _USB_AT, 3: _USB_MODEM}

# Quectel's own vendor number. From product 0900 on the modules have other chips, and so other interfaces.
_QUECTEL, _OTHER_CHIPS = "2c7c", "0900"
# Older modules have the chip maker's number: UC20, UC15, EC20.
_QUALCOMM, _OLD_QUECTEL = "05c6", frozenset({"9003", "9090", "9215"})

# Kernel drivers of adapters from USB to a UART, and vendors of adapters that use CDC ACM.
_ADAPTER_DRIVERS = frozenset(
    {"ark3116", "ch341", "cp210x", "cypress_m8", "f81232", "f81534", "ftdi_sio", "io_ti", "mct_u232", "mos7720",
     "mos7840", "oti6858", "pl2303", "spcp8x5", "ti_usb_3410_5052", "xr_serial"}
)  # fmt: skip
_ADAPTER_VENDORS = frozenset({"0403", "04e2", "067b", "10c4", "1a86"})


def apply(commands: Commands, choices: Sequence[PersistentSettings]) -> bool:
    """Make the first of `choices` that the modem accepts. Whether one is in force.

    Choices with the same question must stand together.
    """
    held: dict[str, str | None] = {}
    for choice in choices:
        if choice.ask not in held:
            held[choice.ask] = _held(commands, choice)
        value = held[choice.ask]
        if value in choice.good:
            return True
        if (value is not None or choice.blindly) and commands.attempt(choice.write).ok:
            return True
    return False


def urc_port(tty: Tty | None) -> tuple[PersistentSettings, ...]:
    """The port to which a Quectel sends its URCs: it sends them to one port only. () where that port is not known."""
    value = _urc_port(tty)
    if not value:
        return ()
    return (
        PersistentSettings(
            'AT+QURCCFG="urcport"',
            "+QURCCFG",
            1,
            (value, _EVERYWHERE),
            f'AT+QURCCFG="urcport","{value}"',
            False,
        ),
    )


def _urc_port(tty: Tty | None) -> str:
    """The modem's port at the other end of this device; "" where it is not known."""
    if tty is None:
        return ""
    usb = tty.usb
    if usb is None or tty.driver in _ADAPTER_DRIVERS or usb.vendor in _ADAPTER_VENDORS:
        return _UART
    own = (usb.vendor == _QUECTEL and "" < usb.product < _OTHER_CHIPS) or (
        usb.vendor == _QUALCOMM and usb.product in _OLD_QUECTEL
    )
    return _BY_INTERFACE.get(tty.interface, "") if own and tty.interface is not None else ""


def _held(commands: Commands, choice: PersistentSettings) -> str | None:
    """The value in force, in lower case; None without an answer."""
    value = parsers.field_of(commands.attempt(choice.ask, choice.tag).lines, choice.place)
    return value.lower() or None
