"""The differences between vendors, as data. Everything else is asked of the modem, or tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modem.driver.ussd import Form

# In every command {slot} is the slot counted from 1, {index} the same from 0.
CSUS: Final = ("AT+CFUN=4", "AT+CSUS={index}", "AT+CFUN=1")  # 27.007, 8.56: not while the SIM is active

CPINR: Final = ('AT+CPINR="SIM PIN"', "AT+CPINR")  # 27.007, 8.65; some modems know only the second form


@dataclass(frozen=True, slots=True)
class UssdWay:
    """One way to send a USSD code. Where a modem refuses one of the settings, the next way is tried."""

    form: Form
    settings: tuple[tuple[str, str], ...] = ()  # name and value; restored afterwards


@dataclass(frozen=True, slots=True)
class PersistentSettings:
    """A setting that a modem may keep without power."""

    ask: str
    tag: str  # of the answer
    place: int  # of the value among the fields of the answer
    good: tuple[str, ...]  # values that need no writing, in lower case
    write: str
    blindly: bool = True  # written also where the modem does not answer the question


_GSM_CHARSET: Final = ("+CSCS", '"GSM"')
USSD: Final = (
    UssdWay(Form.PLAIN, (_GSM_CHARSET,)),
    UssdWay(Form.UCS2, (("+CSCS", '"UCS2"'),)),
    UssdWay(Form.PLAIN),
)


# Automatic time zone update. Quectel and SIMCom keep it without power.
CTZU: Final = PersistentSettings("AT+CTZU?", "+CTZU", 0, ("1",), "AT+CTZU=1")


@dataclass(frozen=True, slots=True)
class Profile:
    """One family of modems."""

    name: str
    vendor: str = ""  # selects the error codes above 511: a key of `error_tables.CMS_BY_VENDOR`
    signs: tuple[str, ...] = ()  # parts of its +CGMI and +CGMM, in lower case
    pause_s: float = 0.0  # between an answer and the next command
    iccid: tuple[str, ...] = ()  # asked before the common ones
    # Command, tag and field of the PIN attempts left; asked before +CPINR.
    pin_attempts: tuple[str, str, int] | None = None
    slot_commands: tuple[tuple[str, ...], ...] = ()  # ways to switch the slot, tried before +CSUS
    reset: str = "AT+CFUN=1,1"  # 27.007, 8.2
    also: tuple[PersistentSettings, ...] = ()  # set after the common settings
    # Its URCs go to one of its ports only: see `modem.driver.persistent_settings.urc_port`.
    urc_port: bool = False
    # Let the network set its clock (27.007, 8.40); the first setting that it accepts counts.
    clock: tuple[PersistentSettings, ...] = (CTZU,)
    ussd: tuple[UssdWay, ...] = USSD
    links_parts: bool = False  # +CMMS (27.005, 3.5.6) is known to work; a Huawei E1752 answers 500 to it


PLAIN: Final = Profile("27.005")

PROFILES: Final[tuple[Profile, ...]] = (
    Profile(
        "Quectel",
        vendor="quectel",
        links_parts=True,
        signs=("quectel",),
        iccid=("AT+QCCID",),
        pin_attempts=('AT+QPINC="SC"', "+QPINC", 1),
        slot_commands=(("AT+QUIMSLOT={slot}",), ("AT+QDSIM={index}",)),
        urc_port=True,
        # With 1 many of them keep UTC and add the local zone to it.
        clock=(PersistentSettings("AT+CTZU?", "+CTZU", 0, ("3",), "AT+CTZU=3"), CTZU),
    ),
    Profile(
        "SIMCom",
        vendor="simcom",
        links_parts=True,
        signs=("simcom", "sim800", "sim900", "sim7", "a76"),
        iccid=("AT+CCID", "AT+CICCID"),
        pin_attempts=("AT+SPIC", "+SPIC", 0),
        slot_commands=(("AT+SMSIMCFG=1,{slot}",), ("AT+SWITCHSIM={index}",), ("AT+DUALSIM={index}",)),
        clock=(
            PersistentSettings("AT+CLTS?", "+CLTS", 0, ("1",), "AT+CLTS=1"),
            CTZU,
        ),  # the 2G models do not know +CTZU
    ),
    Profile(
        "Huawei",
        vendor="huawei",
        signs=("huawei",),
        iccid=("AT^ICCID?",),
        pin_attempts=("AT^CPIN?", "^CPIN", 3),
        reset="AT^RESET",
        # ModemManager leaves it at 0, and then no +CMTI comes.
        also=(PersistentSettings("AT^CURC?", "^CURC", 0, ("1",), "AT^CURC=1"),),
        # The E1752 accepts plain codes only after ^USSDMODE=0; the E160, E173 and E1550 only know the packed form.
        ussd=(
            UssdWay(Form.PLAIN, (("^USSDMODE", "0"), _GSM_CHARSET)),
            UssdWay(Form.PACKED, (("^USSDMODE", "1"),)),
            UssdWay(Form.PACKED),
        ),
    ),
    Profile(
        "ZTE",
        vendor="zte",
        signs=("zte",),
        iccid=("AT+ZGETICCID",),
        pin_attempts=("AT+ZPINPUK=?", "+ZPINPUK", 0),
    ),
    # It answers 515 under load; a pause prevents that.
    Profile("Wavecom", vendor="wavecom", signs=("wavecom",), pause_s=0.1, reset="AT+CFUN=1"),
    Profile(
        "Siemens",
        vendor="siemens",
        links_parts=True,  # in the EHS6 manual; older models refuse it
        signs=("siemens", "cinterion", "gemalto", "thales"),
        pause_s=0.1,  # required by the TC35i manual
        pin_attempts=("AT^SPIC", "^SPIC", 0),
    ),
    Profile(
        "Telit",
        vendor="telit",
        links_parts=True,
        signs=("telit",),
        pause_s=0.02,  # LE910 AT manual: 20 ms after the OK
        iccid=("AT#CCID",),
        pin_attempts=("AT#PCT", "#PCT", 0),
        slot_commands=(("AT#SIMSELECT={slot}",),),
        reset="AT#REBOOT",
    ),
    Profile(
        "u-blox",
        vendor="u-blox",
        signs=("u-blox",),
        pin_attempts=("AT+UPINCNT", "+UPINCNT", 0),
        links_parts=True,  # it keeps the link for 5 s after a part
    ),
    Profile(
        "Sierra",
        vendor="sierra",
        signs=("sierra",),
        iccid=("AT!ICCID?",),
        slot_commands=(("AT!UIMS={index}",),),
        reset="AT!RESET",
    ),
)


def profile_for(manufacturer: str, model: str) -> Profile:
    """The profile of a modem by its +CGMI and +CGMM; `PLAIN` for an unknown vendor."""
    said = f"{manufacturer} {model}".lower()
    for profile in PROFILES:
        if any(sign in said for sign in profile.signs):
            return profile
    return PLAIN
