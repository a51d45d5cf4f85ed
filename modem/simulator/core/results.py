"""Results other than OK, and how they are written (V.250 5.7.1, 27.007 9.2, 27.005 3.2.5)."""

from __future__ import annotations

OK, CONNECT, RING, NO_CARRIER, ERROR = 0, 1, 2, 3, 4
VERBOSE = {OK: "OK", CONNECT: "CONNECT", RING: "RING", NO_CARRIER: "NO CARRIER", ERROR: "ERROR"}

CME_TEXT = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed - emergency calls only",
    50: "incorrect parameters",
    100: "unknown",
}
CMS_TEXT = {
    300: "ME failure",
    301: "SMS service of ME reserved",
    302: "operation not allowed",
    303: "operation not supported",
    304: "invalid PDU mode parameter",
    305: "invalid text mode parameter",
    310: "SIM not inserted",
    311: "SIM PIN required",
    313: "SIM failure",
    314: "SIM busy",
    315: "SIM wrong",
    316: "SIM PUK required",
    320: "memory failure",
    321: "invalid memory index",
    322: "memory full",
    330: "SMSC address unknown",
    331: "no network service",
    332: "network timeout",
    340: "no +CNMA acknowledgement expected",
    500: "unknown error",
}


class CommandError(Exception):
    """A command ends in something other than OK; this one in plain ERROR."""

    def line(self, cmee: int) -> str | None:
        """The result line under a setting of +CMEE; None for plain ERROR."""
        del cmee
        return None


class CmeError(CommandError):
    """`+CME ERROR`: of the equipment, the card, or the network as such (27.007, 9.2)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def line(self, cmee: int) -> str | None:
        """Plain ERROR, the code, or the text, as +CMEE selects."""
        if cmee == 0:
            return None
        return f"+CME ERROR: {CME_TEXT.get(self.code, self.code) if cmee == 2 else self.code}"


class CmsError(CommandError):
    """`+CMS ERROR`: of the short message service. +CMEE does not turn it off (27.005, 3.2.5)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def line(self, cmee: int) -> str | None:
        """The code, or with +CMEE=2 its text."""
        return f"+CMS ERROR: {CMS_TEXT.get(self.code, self.code) if cmee == 2 else self.code}"


class VendorTextError(CommandError):
    """`+CMS ERROR` with the vendor's own text, at every +CMEE."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def line(self, cmee: int) -> str | None:
        """The vendor's text."""
        del cmee
        return f"+CMS ERROR: {self.text}"


class CallEndedError(CommandError):
    """NO CARRIER: every call ends so, because none is answered here."""


INCORRECT_PARAMETERS = 50
NOT_ALLOWED = 3
NOT_SUPPORTED = 4
