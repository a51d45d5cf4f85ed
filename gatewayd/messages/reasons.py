"""The gateway's own reasons for the state of a message, in English and in French.

`modem.errors` has the meanings of modem codes; both appear in `failure_reason` and in the list of attempts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence in English and in French."""

    en: str
    fr: str

    @property
    def text(self) -> str:
        """Both sentences, in the form of `failure_reason`."""
        return f"{self.en} / {self.fr}"


IN_DOUBT: Final = Reason(
    "The modem never answered whether the network took it; a delivery report is awaited.",
    "Le modem n'a jamais dit si le réseau l'a pris ; un accusé de réception est attendu.",
)
HELD: Final = Reason(
    "It is unknown whether the network took it; it is held until a report or a person settles it"
    " (`gatewayd message settle`).",
    "On ignore si le réseau l'a pris ; il reste en attente jusqu'à ce qu'un accusé ou une personne tranche"
    " (`gatewayd message settle`).",
)
NOT_KNOWN: Final = Reason(
    "The modem never answered whether the network took it, and no delivery report came: it may have arrived.",
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
    "It expired while it was unknown whether the network took it: it may have arrived.",
    "Il a expiré alors qu'on ignorait si le réseau l'avait pris : il est peut-être arrivé.",
)
SETTLED_FAILED: Final = Reason(
    "A person found that the network had not taken it (`gatewayd message settle`).",
    "Une personne a constaté que le réseau ne l'avait pas pris (`gatewayd message settle`).",
)
TAKEN: Final = Reason("The network took it.", "Le réseau l'a pris.")
