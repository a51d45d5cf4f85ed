"""The outcomes of a loop test, their meanings and the remedies."""

from __future__ import annotations

from gatewayd.messages.reasons import Reason
from gatewayd.store.tables.loop_tests import LoopTest

NOT_SENT = Reason(
    "The SIM is registered, but the network did not accept its text. Does it have credit (`gatewayd ussd PORT CODE` asks), may it"
    " send (barring), is its service centre (SMSC) correct?",
    "La SIM est enregistrée, mais le réseau a refusé son SMS. A-t-elle du crédit (`gatewayd ussd PORT CODE` le demande),"
    " peut-elle envoyer (blocage), son centre de messages (SMSC) est-il le bon ?",
)
NOT_TRIED = Reason(
    "It still waited when the time was over: the SIM rested after failures, was busy or lost, or its slot was not active.",
    "Il attendait encore à la fin du délai : la SIM était en pause après des échecs, occupée ou perdue, ou son"
    " emplacement n'était pas actif.",
)
NOT_KNOWN = Reason(
    "The modem never answered whether the network took it, and it did not arrive.",
    "Le modem n'a jamais dit si le réseau l'a pris, et il n'est pas arrivé.",
)
CANCELLED = Reason("It was cancelled by a person.", "Une personne l'a annulé.")
LOST = Reason(
    "The network took it, but it did not arrive in time. Is the number of the other SIM correct (`gatewayd sim list`), and"
    " can that SIM receive (barring, memory)? Else the network is slow or loses texts,"
    " or the port had not switched to its slot yet.",
    "Le réseau l'a pris et il n'est pas arrivé à temps. Le numéro indiqué pour l'autre SIM est-il le sien (`gatewayd sim list`),"
    " et peut-elle recevoir (blocage, mémoire) ? Sinon le réseau est lent ou perd des SMS,"
    " ou le port n'avait pas encore activé son emplacement.",
)
DELIVERED_ELSEWHERE = Reason(
    "The network reports it delivered, but it did not arrive on the other SIM: the number set for that SIM probably belongs"
    " to another telephone (`gatewayd sim set ID --number +…`).",
    "Le réseau le dit remis, mais il n'est pas arrivé sur l'autre SIM : le numéro indiqué pour elle est sans doute celui d'un"
    " autre téléphone (`gatewayd sim set ID --number +…`).",
)
UNDELIVERABLE = Reason(
    "The network took it and gave up on it: the other SIM cannot receive, or its number is not its own.",
    "Le réseau l'a pris puis abandonné : l'autre SIM ne peut pas recevoir, ou son numéro n'est pas le sien.",
)
UNREPORTED = Reason(
    "It arrived, but no delivery report came back in time: messages of this SIM may stay `sent`.",
    "Il est arrivé, mais aucun accusé n'est revenu à temps : les messages de cette SIM peuvent rester `sent`.",
)
INTERRUPTED = Reason(
    "The gateway stopped before the test ended.", "La passerelle s'est arrêtée avant la fin du test."
)


def outcome_of(row: LoopTest, *, obstacle: Reason | None, over: bool) -> tuple[str, Reason | None]:
    """The outcome of a test (see `LoopTestRecord.outcome`) and its meaning, by its row. `over`: its time is over."""
    if obstacle is not None:
        return "not_sent", obstacle
    place = row.arrived_sim
    if place is None:
        return _missing(row, over=over)
    if place != row.record.to_sim:
        return "elsewhere", _elsewhere(place, row.record.to_sim)
    if row.message_status == "delivered":
        return "arrived", None
    return ("unreported", UNREPORTED) if over or row.message_status == "failed" else ("running", None)


def _missing(row: LoopTest, *, over: bool) -> tuple[str, Reason | None]:
    """The outcome of a test whose text has not arrived."""
    found: tuple[str, Reason | None] = ("running", None)
    match row.message_status:
        case "cancelled":
            found = "not_sent", CANCELLED
        case "failed" if row.taken:
            found = "lost", UNDELIVERABLE
        case "failed":
            found = "not_sent", NOT_SENT if row.tried else NOT_TRIED
        case "pending" if over:  # a part is being submitted or in doubt: all others were withdrawn
            found = "not_sent", NOT_KNOWN
        case "sent" if over:
            found = "lost", LOST
        case "delivered" if over:
            found = "lost", DELIVERED_ELSEWHERE
    return found


def _elsewhere(place: int, meant: int) -> Reason:
    return Reason(
        f"It arrived on SIM {place}: the number set for SIM {meant} is not its own. Correct it with"
        f" `gatewayd sim set {meant} --number +…`.",
        f"Il est arrivé sur la SIM {place} : le numéro indiqué pour la SIM {meant} n'est pas le sien. Corrigez-le avec"
        f" `gatewayd sim set {meant} --number +…`.",
    )
