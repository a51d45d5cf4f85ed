"""Converts phone numbers of clients, SIM cards and networks to E.164, which is stored, shown and dialled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from config.language.text import Text
from config.plans import GUIDE, Country, PlanNumbering, countries, plan_of_country
from config.settings import NumberSettings

E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
"""The form of every stored number."""

_DIALLED = re.compile(r"\+?[0-9]+", re.ASCII)

# Characters that people write between digits: blanks except control characters, dots, dashes and parentheses.
_BLANKS = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_BETWEEN_DIGITS = dict.fromkeys(map(ord, f"{_BLANKS}{_DASHES}.()"))

_INTERNATIONAL_PREFIX = "00"
_NO_COUNTRY = Country(trunk_prefix="0", lengths=())

_Judge = Callable[[str], bool]  # whether digits are a national number


def without_separators(written: str) -> str:
    """A number as a person types it, without the blanks, dots, dashes and parentheses between its digits."""
    return written.strip().translate(_BETWEEN_DIGITS)


class Numbering:
    """The numbering plan of the installation: accepted recipients, and their operators."""

    def __init__(self, settings: NumberSettings) -> None:
        self._plan = settings.chosen
        self._tidies = settings.plan != GUIDE
        self._country = settings.country_code
        self._pattern = settings.pattern
        self._home = self._home_of(settings)
        self._prefixes = sorted(
            ((prefix, name) for name, prefixes in settings.operators.items() for prefix in prefixes),
            key=lambda pair: len(pair[0]),
            reverse=True,
        )
        self._networks = {
            network: name for name, networks in settings.networks.items() for network in networks
        }

    @property
    def portable(self) -> bool:
        """Whether a number may have moved to another operator than the one of its prefix."""
        return self._plan.operators.portable

    def e164(self, recipient: str) -> str:
        """The recipient as `+` and digits.

        Raises:
            ValueError: this installation does not send to the number; the text says which numbers it accepts.
        """
        number = self._recipient(self._tidied(recipient))
        if number is None:
            raise ValueError(self._what_is_taken())
        return number

    def own(self, number: str) -> str:
        """The number of a SIM of this box as E.164: any line, also one that is not accepted as a recipient.

        Raises:
            ValueError: it is not a number.
        """
        found = self.of_card(self._tidied(number))
        if not E164.fullmatch(found):
            example = f"+{self._plan.numbering.country_code}{self._plan.numbering.example}"
            raise ValueError(
                Text("a number is written with + and the country code, as {example}", example=example)
            )
        return found

    def of_card(self, number: str) -> str:
        """The number that is stored on a SIM, as E.164 where it can be read so."""
        found = self.of_line(number)
        return number if E164.fullmatch(number) and not E164.fullmatch(found) else found

    def of_line(self, number: str) -> str:
        """A number from a SIM or the network, as E.164 where it can be read as the number of a line.

        It may be national or international, with any prefix, with or without +. Another text is returned without +, so
        that only certain numbers begin with +.
        """
        if not _DIALLED.fullmatch(number):
            return number.removeprefix("+")
        if self._recipient(number) == number:
            return number
        digits = number.removeprefix("+")
        international = [digits] if number != digits else []
        found = self._international([*international, *self._behind_prefixes(digits)], self._fits)
        # Some SIMs and networks call a national number international.
        return found or self._first(self._national_readings(digits, both=True), self._fits) or digits

    def home_operator(self, imsi: str) -> str:
        """The home operator of an IMSI, also while roaming; "" where the table has none."""
        return self._networks.get(imsi[:6]) or self._networks.get(imsi[:5], "")

    def operator(self, number: str) -> str:
        """The operator with the prefix of an E.164 number; "" where the table has none."""
        national = number.removeprefix(f"+{self._country}")
        return next((name for prefix, name in self._prefixes if national.startswith(prefix)), "")

    def _tidied(self, written: str) -> str:
        """The number without separators between digits, where the plan removes them."""
        return written if not self._tidies or written.isalnum() else written.translate(_BETWEEN_DIGITS)

    # The readings of a number. `None`: it cannot be read.

    def _recipient(self, written: str) -> str | None:
        """The number of a recipient whose separators were removed."""
        if not _DIALLED.fullmatch(written):
            return None
        if self._pattern is None:
            return self._by_plan(written)
        return self._by_pattern(written, self._pattern)

    def _by_plan(self, written: str) -> str | None:
        abroad = [written[1:]] if written.startswith("+") else self._behind_prefixes(written)
        if abroad:
            return self._international(abroad, self._is_mobile)
        return self._first(self._national_readings(written), self._is_mobile)

    def _by_pattern(self, written: str, pattern: re.Pattern[str]) -> str | None:
        """Read by the pattern of the configuration. The pattern may accept numbers that are in no plan yet."""

        def taken(number: str) -> bool:
            return pattern.fullmatch(number) is not None

        def names_home(national: str) -> bool:
            # A pattern that matches these digits after a + does not give their country.
            whole = taken(f"+{self._country}{national}") and not taken(f"+{national}")
            return whole and not self._has_trunk_prefix(national)

        def is_of_home(national: str) -> bool:
            return self._is_mobile(national) if taken(f"+{national}") else self._fits(national)

        abroad = [written[1:]] if written.startswith("+") else self._behind_prefixes(written)
        if abroad:
            number = self._international(
                abroad, lambda national: names_home(national) or self._fits(national), anywhere=True
            )
        else:
            readings = list(self._national_readings(written, both=True))
            number = self._first(readings, names_home) or self._first(readings, is_of_home)
        # A number that is not accepted as written may be accepted in its full form: a plan reads more forms than a pattern.
        wanted = taken(written) or (self._tidies and number is not None and taken(number))
        return number if wanted else None

    def _international(
        self, candidates: list[str], is_national: _Judge, *, anywhere: bool = False
    ) -> str | None:
        """The first valid number among these, each with a country code. `anywhere`: numbers of all other countries are valid."""
        for digits in candidates:
            if digits.startswith(self._country):
                rest = digits.removeprefix(self._country)
                found = self._first([*self._without_trunk_prefix(rest), rest], is_national)
            else:
                found = f"+{digits}" if anywhere else _abroad(digits)
            if found is not None and E164.fullmatch(found):
                return found
        return None

    def _behind_prefixes(self, digits: str) -> list[str]:
        """The digits after the country's own international prefix, and after 00."""
        prefixes = dict.fromkeys((self._home.international_prefix, _INTERNATIONAL_PREFIX))
        return [digits.removeprefix(prefix) for prefix in prefixes if digits.startswith(prefix)]

    def _national_readings(self, digits: str, *, both: bool = False) -> Iterator[str]:
        """The possible national numbers of digits without an international prefix, the most likely first.

        `both`: a trunk prefix may follow the country code.
        """
        if digits.startswith(self._country):
            rest = digits.removeprefix(self._country)
            yield from self._without_trunk_prefix(rest) if both else ()
            yield rest
        yield from self._without_trunk_prefix(digits)
        yield digits

    def _without_trunk_prefix(self, digits: str) -> list[str]:
        trunk_prefix = self._home.trunk_prefix or ("0" if self._pattern is not None else "")
        return [digits.removeprefix(trunk_prefix)] if trunk_prefix and digits.startswith(trunk_prefix) else []

    def _first(self, readings: Iterator[str] | list[str], is_national: _Judge) -> str | None:
        """The first national number among these as E.164."""
        numbers = (f"+{self._country}{national}" for national in readings if is_national(national))
        return next((number for number in numbers if E164.fullmatch(number)), None)

    def _is_mobile(self, national: str) -> bool:
        return self._fits(national) and national.startswith(self._home.mobile)

    def _fits(self, national: str) -> bool:
        """Whether digits may be a national number, mobile or not."""
        return len(national) in self._home.lengths and not self._has_trunk_prefix(national)

    def _has_trunk_prefix(self, national: str) -> bool:
        """Whether a number begins with the trunk prefix 0: no national number does."""
        return self._home.trunk_prefix == "0" and national.startswith("0")

    def _home_of(self, settings: NumberSettings) -> PlanNumbering:
        """The numbering of the country, whether the chosen plan is for that country or not."""
        chosen = self._plan.numbering
        if settings.pattern is None:
            return chosen
        known = plan_of_country(settings.country_code)
        if known is not None:
            return known.numbering
        country = countries().get(settings.country_code, _NO_COUNTRY)
        return chosen.model_copy(
            update={
                "trunk_prefix": country.trunk_prefix,
                "lengths": country.lengths,
                "international_prefix": _INTERNATIONAL_PREFIX,
                "mobile": ("",),
            }
        )

    def _what_is_taken(self) -> Text:
        if self._pattern is not None:
            return Text(
                "The recipient must match {pattern}, and be a number of country code {country} or E.164",
                pattern=self._pattern.pattern,
                country=self._country,
            )
        example = self._plan.numbering.example
        return Text(
            "The recipient must be a mobile number of {plan}, as {international} or {national}, or one of another"
            " country with + or 00 before its country code",
            plan=self._plan.name,
            international="+" + self._country + example,
            national=self._home.trunk_prefix + example,
        )


def _abroad(digits: str) -> str | None:
    """The E.164 number of another country: its code, and as many digits as its mobile numbers have; None: no such number."""
    for length in (1, 2, 3):
        code, national = digits[:length], digits[length:]
        country = countries().get(code)
        if country is not None:
            if (
                country.trunk_prefix == "0"
            ):  # as in +33 (0) 6: no national number of such a country begins with 0
                national = national.removeprefix("0")
            return f"+{code}{national}" if len(national) in country.lengths else None
    return None
