"""The questions of a recording. All are harmless: none writes a profile or NVRAM, reads a text or the phone book, or has a PIN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modem.driver.profiles import Profile

QUICK_S: Final = 3.0
CARD_S: Final = 8.0
LONG_S: Final = 12.0


@dataclass(frozen=True, slots=True)
class Question:
    """One command, and how long its answer may take."""

    command: str
    timeout_s: float = QUICK_S


FIRST: Final = (Question("AT"), Question("ATE0V1Q0"), Question("AT+CMEE=1"))
"""The echo and the form of answers, as the driver sets them."""

IDENTITY: Final = tuple(
    Question(f"AT{name}")
    for name in ("I", "+CGMI", "+GMI", "+CGMM", "+GMM", "+CGMR", "+GMR", "+CGSN", "+GSN", "+GCAP")
)

# Names with the forms that are asked: `?` reads, `=?` tests, and the bare command asks.
_COMMON: Final = (
    ("+CPIN", "?", "=?"),
    ("+CFUN", "?", "=?"),
    ("+CSQ", "", "=?"),
    ("+CESQ", "", "=?"),
    ("+CREG", "?", "=?"),
    ("+CGREG", "?", "=?"),
    ("+CEREG", "?", "=?"),
    ("+COPS", "?"),  # never =?: a scan of all channels takes minutes
    ("+CSCS", "?", "=?"),
    ("+CPMS", "?", "=?"),
    ("+CNMI", "?", "=?"),
    ("+CMGF", "?", "=?"),
    ("+CSMS", "?", "=?"),
    ("+CSCA", "?"),
    ("+CMMS", "?", "=?"),
    ("+CMGL", "=?"),
    ("+CMGR", "=?"),
    ("+CMGS", "=?"),
    ("+CMGW", "=?"),
    ("+CMSS", "=?"),
    ("+CMGD", "=?"),
    ("+CNMA", "=?"),
    ("+CSMP", "?", "=?"),
    ("+CSDH", "?", "=?"),
    ("+CUSD", "?", "=?"),
    ("+CCLK", "?", "=?"),
    ("+CTZU", "?", "=?"),
    ("+CTZR", "?", "=?"),
    ("+CIND", "=?"),
    ("+CPAS", ""),
    ("+CPINR", ""),
    ("+CSUS", "?", "=?"),
    ("+CRC", "?", "=?"),
    ("+CLIP", "=?"),
    ("+IPR", "?", "=?"),
    ("+IFC", "?", "=?"),
    ("+ICF", "?"),
)

COMMON: Final = tuple(
    Question(f"AT{name}{form}", CARD_S if name in ("+CPIN", "+CPMS", "+CSCA", "+COPS") else QUICK_S)
    for name, *forms in _COMMON
    for form in forms
)

CARD: Final = tuple(
    Question(f"AT{command}", CARD_S)
    for command in (
        "+CCID", "+ICCID", "^ICCID?", "+QCCID", "#CCID", "+CICCID", "+CRSM=176,12258,0,0,10", "+CIMI", "+CIMI?", "+CNUM",
        "+CPINR=\"SIM PIN\"",
    )
)  # fmt: skip
"""The identity of the card, in every form that the driver tries. The file holds made-up numbers in its place."""

MISTAKES: Final = (Question("AT+GATEWAYD"), Question("AT+CMGF=9"), Question("AT+CMGR=65000", CARD_S))
"""Three deliberate mistakes: an unknown command, a wrong value, and a place in no memory."""

LAST: Final = (Question("AT+CLAC", LONG_S),)

# Vendor questions by the parts of +CGMI and +CGMM in lower case.
_VENDORS: Final = (
    (("quectel",), ("+QCCID", '+QPINC="SC"', "+QUIMSLOT?", "+QUIMSLOT=?", "+QDSIM?", '+QURCCFG="urcport"', "+QSIMSTAT?",
                    "+QSPN", "+QNWINFO", "+QINISTAT", "+QCFG=?", "+QINDCFG=?")),
    (("simcom", "sim800", "sim900", "sim7", "a76"), ("+SPIC", "+CSMINS?", "+CLTS?", "+CLTS=?", "+GSMBUSY?", "+CSPN?",
                    "+SMSIMCFG?", "+SWITCHSIM?", "+DUALSIM?", "+CNSMOD?", "+CPSI?", "+SIMEI=?", "+CGMDA=?", "+AUTOCSQ?")),
    (("huawei",), ("^ICCID?", "^CPIN?", "^CURC?", "^CURC=?", "^USSDMODE?", "^USSDMODE=?", "^SYSINFO", "^HCSQ?", "^HWVER",
                    "^SYSCFG?", "^CARDLOCK?", "^SIMST?")),
    (("zte",), ("+ZGETICCID", "+ZPINPUK=?", "+ZCDRUN=?", "+ZOPRT?", "+ZPAS?", "+ZSNT?", "+ZSNT=?")),
    (("wavecom",), ("+WIND?", "+WIND=?", "+WSTR?", "+WOPEN?")),
    (("siemens", "cinterion", "gemalto", "thales"), ("^SPIC", "^SCID", "^SCKS?", "^SMGO?", "^SMGO=?", "^SSMSS?", "^MONI")),
    (("telit",), ("#CCID", "#PCT", "#SIMSELECT?", "#QSS?", "#SELINT?", "#SMSMODE?", "#SGACT=?")),
    (("u-blox",), ("+UPINCNT", "+UCGED=?", "+USIMSTAT?", "+CCID")),
    (("sierra",), ("!ICCID?", "!UIMS?", "!GSTATUS=?")),
)  # fmt: skip

CHANGES: Final = (
    "AT+CMGF=0",
    'AT+CSCS="GSM"',
    "AT+CSMS=0",
    "AT+CREG=1",
    "AT+CGREG=1",
    "AT+CEREG=1",
    "AT+COPS=3,0",
    "AT+CMMS=1",
)
"""Volatile settings as the driver makes them. Those that the modem tells are restored afterwards."""


def vendor_questions(manufacturer: str, model: str, profile: Profile) -> tuple[Question, ...]:
    """The questions for the modem's vendor: those of its profile, and those that show what its family can do."""
    said = f"{manufacturer} {model}".lower()
    commands = [
        command for signs, names in _VENDORS if any(sign in said for sign in signs) for command in names
    ]
    asked = [f"AT{command}" for command in commands]
    asked += [setting.ask for setting in (*profile.also, *profile.clock)]
    asked += list(profile.iccid)
    if profile.pin_attempts is not None:
        asked.append(profile.pin_attempts[0])
    return tuple(Question(command, CARD_S) for command in dict.fromkeys(asked))


def notification_forms() -> tuple[Question, ...]:
    """The forms of +CNMI that show which URCs the modem can send: each mode with direct, stored and no reports.

    Forms that AT+CNMI=? does not list are tried too, because some modems list what they refuse. No form lets texts come
    directly: one that came then would be lost with a power cut.
    """
    return tuple(Question(f"AT+CNMI={mode},1,0,{reports},0") for reports in (1, 2, 0) for mode in (2, 1))
