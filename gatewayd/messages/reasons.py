"""What the gateway says of a message of its own accord, in English and in French.

What a modem's code means is said by `modem.errors`; both end up in `failure_reason` and in the list of attempts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence in both languages."""

    english: str
    french: str

    @property
    def told(self) -> str:
        """Both, as `failure_reason` has them."""
        return f"{self.english} / {self.french}"


IN_DOUBT: Final = Reason(
    "The modem never said whether the network took it; a delivery report is awaited.",
    "Le modem n'a jamais dit si le réseau l'a pris ; un accusé de réception est attendu.",
)
HELD: Final = Reason(
    "Nobody knows whether the network took it; it is held until a report or a person settles it"
    " (`gatewayd message settle`).",
    "On ignore si le réseau l'a pris ; il est retenu jusqu'à ce qu'un accusé ou une personne tranche"
    " (`gatewayd message settle`).",
)
NOT_KNOWN: Final = Reason(
    "The modem never said whether the network took it, and no delivery report came: it may have arrived.",
    "Le modem n'a jamais dit si le réseau l'a pris, et aucun accusé n'est venu : il est peut-être arrivé.",
)
EXPIRED: Final = Reason(
    "It expired before a SIM could send it.", "Il a expiré avant qu'une SIM ait pu l'envoyer."
)
EXPIRED_PARTLY: Final = Reason(
    "It expired before all of its parts were sent; those that were not are dropped.",
    "Il a expiré avant l'envoi de toutes ses parties ; celles qui restaient sont abandonnées.",
)
EXPIRED_IN_DOUBT: Final = Reason(
    "It expired while nobody knew whether the network took it: it may have arrived.",
    "Il a expiré alors qu'on ignorait si le réseau l'avait pris : il est peut-être arrivé.",
)
SETTLED_FAILED: Final = Reason(
    "A person found that the network had not taken it (`gatewayd message settle`).",
    "Une personne a constaté que le réseau ne l'avait pas pris (`gatewayd message settle`).",
)
TAKEN: Final = Reason("The network took it.", "Le réseau l'a pris.")
