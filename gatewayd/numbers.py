"""Phone numbers as clients write them, and E.164, which is what is kept, shown and dialled."""

from __future__ import annotations

from config.settings import NumberSettings


class Numbering:
    """The numbering plan of the installation: which recipients are taken, and whose they are."""

    def __init__(self, settings: NumberSettings) -> None:
        self._country = settings.country_code
        self._pattern = settings.pattern
        self._prefixes = sorted(
            ((prefix, name) for name, prefixes in settings.operators.items() for prefix in prefixes),
            key=lambda pair: len(pair[0]),
            reverse=True,
        )
        self._networks = {
            network: name for name, networks in settings.networks.items() for network in networks
        }

    def e164(self, recipient: str) -> str:
        """The recipient as `+` and digits.

        Raises:
            ValueError: it is not a number that this installation sends to; the text says what is.
        """
        if not self._pattern.fullmatch(recipient):
            raise ValueError(
                f"The recipient must match {self._pattern.pattern}, for example +{self._country}70123456"
            )
        if recipient.startswith("+"):
            return recipient
        rest = recipient.removeprefix(self._country)
        national = rest if rest != recipient and self._pattern.fullmatch(rest) else recipient
        return f"+{self._country}{national}"

    def own(self, number: str) -> str:
        """The number of a SIM of this box, as E.164: any line, not only those that may be sent to.

        Raises:
            ValueError: it is not written as one.
        """
        digits = number.removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 15):
            raise ValueError("a number is written with + and the country code, as +22370123456")
        return number if number.startswith("+") else self.e164(number)

    def of_card(self, number: str) -> str:
        """The number that a SIM tells of itself, as E.164 where it can be read as a number of this country."""
        try:
            return self.e164(number)
        except ValueError:
            return number

    def home_operator(self, imsi: str) -> str:
        """The operator whose SIM this is, roaming or not; "" where the table does not say."""
        return self._networks.get(imsi[:6]) or self._networks.get(imsi[:5], "")

    def operator(self, number: str) -> str:
        """The operator whose prefix an E.164 number has; "" where the table does not say."""
        national = number.removeprefix(f"+{self._country}")
        return next((name for prefix, name in self._prefixes if national.startswith(prefix)), "")


def same_number(one: str, other: str) -> bool:
    """Whether two numbers are the same line, however much of the country code each carries.

    Networks report back national, international and trunk forms of one number; eight digits tell lines apart in
    every numbering plan this is used with.
    """
    return one[-8:] == other[-8:] if min(len(one), len(other)) >= 8 else one == other
