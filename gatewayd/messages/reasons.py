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
FORGOTTEN: Final = Reason(
    "PostgreSQL was restored from a backup, and a box that may have sent it since has lost its database too.",
    "PostgreSQL a été restauré depuis une sauvegarde, et un boîtier qui l'a peut-être envoyé depuis a perdu sa base aussi.",
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
OPTED_OUT: Final = Reason(
    "Its recipient opted out of such messages before it was sent.",
    "Son destinataire s'est opposé à de tels messages avant l'envoi.",
)
SANDBOX_REFUSED: Final = Reason(
    "The network refused it: the number does not exist (a sandbox number ending in 01).",
    "Le réseau l'a refusé : le numéro n'existe pas (numéro de bac à sable finissant par 01).",
)
SETTLED_FAILED: Final = Reason(
    "A person found that the network had not taken it (`gatewayd message settle`).",
    "Une personne a constaté que le réseau ne l'avait pas pris (`gatewayd message settle`).",
)
TAKEN: Final = Reason("The network took it.", "Le réseau l'a pris.")
NO_TIME: Final = Reason(
    "It is scheduled, and the clock of the gateway is not trusted yet.",
    "Il est programmé, et l'horloge de la passerelle n'est pas encore fiable.",
)
NO_SIM_YET: Final = Reason(
    "It is due, and no SIM may take it now; it is tried again.",
    "Son heure est venue, et aucune SIM ne peut le prendre maintenant ; un nouvel essai suivra.",
)


def outside_window(window: str) -> Reason:
    """The reason of a bulk message that waits for the sending window of its company."""
    return Reason(
        f"It waits for the sending window of its company ({window}).",
        f"Il attend la plage d'envoi de son entreprise ({window}).",
    )
