"""The configurations in which tools/check_model.py searches the model of boxes that share one queue.

Each mutation and each rule has the smallest configuration that catches it. Faults that a configuration does not name do not happen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FAULTS = (
    "CRASHES",
    "RESTARTS",
    "LOSSES",
    "EXPIRIES",
    "WATCHES",
    "STOPS",
    "MODEM",
    "MOVED_CARDS",
    "CANCELS",
    "RESTORES",
)
RULES = (
    "NEW_EPOCH",
    "CLAIM_EPOCH",
    "KNOWN",
    "CANCEL_409",
    "NOT_BLIND",
    "PARTLY",
    "INCARNATION",
    "INCARNATION_BLIND",
    "PROGRESS",
    "LEASE_EPOCH",
    "BEHIND",
    "RESTORED_START",
    "EPOCH_ABOVE",
)
_ONE = {"MESSAGES": 2, "ACCEPT": 1}  # one message of one part, accepted during the run
_TWO_PARTS = {"MESSAGES": 1, "ACCEPT": 1}
_BOTH = {"MESSAGES": 3, "ACCEPT": 0}  # two messages, three parts
_BACKUP = {"MESSAGES": 2, "ACCEPT": 0, "BACKUPS": 1}
_BACKUP_TWO_PARTS = {"MESSAGES": 1, "ACCEPT": 0, "BACKUPS": 1}


@dataclass(frozen=True, slots=True)
class Configuration:
    """One search: parameters of the model. `change` is the mutation or the rule taken away, if there is one.

    `large` says that it takes too long for a quick check where it must hold; `cycles` looks for steps that go round for ever instead.
    """

    settings: dict[str, str | int]
    change: tuple[str, str | int] | None = None
    large: bool = False
    cycles: bool = False

    @property
    def name(self) -> str:
        """A name of its own: the change, the messages and the faults."""
        part = {1: "two parts", 2: "one part", 3: "both"}[int(self.settings["MESSAGES"])]
        words = [f"{fault.lower()} {self.settings[fault]}" for fault in FAULTS if self.settings[fault]]
        words += ["backup"] if self.settings.get("BACKUPS") else []
        words += ["hold"] if self.settings.get("POLICY") == "HOLD" else []
        words += ["cycles"] if self.cycles else []
        change = ""
        if self.change:
            name, value = self.change
            change = f"{value}: " if name == "MUTATION" else f"{name}={value}: "
        return f"{change}{part}, {', '.join(words) or 'no fault'}"

    @property
    def must(self) -> str:
        """The verdict that this search must have."""
        return "fails" if self.change else "holds"

    def base(self) -> Configuration:
        """Return the same search without the change."""
        if self.change is None:
            return self
        settings = {name: value for name, value in self.settings.items() if name != self.change[0]}
        return replace(self, settings=settings, change=None)


def _search(messages: dict[str, int], faults: str = "", **options: str | int) -> Configuration:
    """Return a search in which each fault of `faults` happens once at most: a word may say how often, as in "CRASHES:2"."""
    settings: dict[str, str | int] = {**messages, **dict.fromkeys(FAULTS, 0)}
    for word in faults.split():
        name, _, count = word.partition(":")
        settings[name] = int(count or 1)
    return Configuration({**settings, **options})


def _without(rule: str, search: Configuration, value: int = 0) -> Configuration:
    return replace(search, settings={**search.settings, rule: value}, change=(rule, value))


def _mutated(mutation: str, search: Configuration) -> Configuration:
    return replace(search, settings={**search.settings, "MUTATION": mutation}, change=("MUTATION", mutation))


def _large(search: Configuration, *, cycles: bool = False) -> Configuration:
    return replace(search, large=True, cycles=cycles)


CONFIGURATIONS: tuple[Configuration, ...] = (
    # These must hold.
    _search(_BOTH, "MODEM"),
    _search(_ONE, "RESTARTS"),
    _search(_TWO_PARTS, "RESTARTS"),
    _search(_ONE, "RESTARTS CRASHES", POLICY="HOLD"),
    _search(_BACKUP, "EXPIRIES"),
    _search(_BACKUP_TWO_PARTS, "EXPIRIES"),
    # These must fail: the mutations.
    _mutated("NO_LEASE_CHECK", _search(_ONE, "EXPIRIES WATCHES")),
    _mutated("LEASE_FROM_ANSWER", _search(_ONE, "EXPIRIES WATCHES")),
    _mutated("NO_RECONCILIATION", _search(_ONE, "CRASHES")),
    _mutated("STARTED_RESCUED_AT_ONCE", _search(_ONE, "EXPIRIES WATCHES")),
    # Nothing is doubled here, but an upload that is never acknowledged goes round for ever.
    _mutated("GUARDED_APPEND", _large(_search(_ONE, "CRASHES WATCHES"), cycles=True)),
    _mutated("AIR_NOT_DURABLE", _search(_ONE, "CRASHES")),
    _mutated("START_NOT_AWAITED", _search(_ONE)),
    _mutated("CANCEL_ANY_STATE", _search(_ONE, "CANCELS")),
    _mutated("RESCUE_IGNORES_LEASE", _search(_ONE, "WATCHES")),
    _mutated("RELEASE_BEFORE_DROP", _search(_ONE, "MODEM")),
    _mutated("UNGUARDED_START", _search(_ONE, "CRASHES")),
    _mutated("PARTS_NOT_BOUND", _search(_TWO_PARTS, "EXPIRIES WATCHES")),
    _mutated("SHORT_SECOND_WAIT", _search(_ONE, "EXPIRIES WATCHES")),
    _mutated("LOST_START_KEPT", _search(_ONE, "CRASHES")),
    _mutated("RESCUE_IGNORES_BEAT", _search(_ONE, "WATCHES")),
    # These must fail: a rule taken away.
    _without("NEW_EPOCH", _search(_ONE, "LOSSES MODEM")),
    _without("CLAIM_EPOCH", _search(_ONE, "EXPIRIES WATCHES")),
    _without("KNOWN", _search(_ONE, "CRASHES MOVED_CARDS")),
    _without("CANCEL_409", _search(_ONE, "CANCELS WATCHES EXPIRIES STOPS")),
    _without("NOT_BLIND", _search(_TWO_PARTS, "EXPIRIES WATCHES")),
    _without("PARTLY", _search(_TWO_PARTS, "CRASHES")),
    _without("INCARNATION", _search(_ONE, "CRASHES RESTORES")),
    _without("INCARNATION_BLIND", _search(_TWO_PARTS, "CRASHES RESTORES")),
    _without("PROGRESS", _search(_TWO_PARTS, "CRASHES")),
    _without("LEASE_EPOCH", _search(_ONE, "EXPIRIES WATCHES")),
    _without("BEHIND", _search(_BACKUP)),
    _without("BEHIND", _large(_search(_BACKUP, "MODEM")), value=1),
    _without("RESTORED_START", _search(_BACKUP_TWO_PARTS, "MODEM")),
    _without("EPOCH_ABOVE", _large(_search(_BACKUP, "LOSSES"))),
    # Long searches.
    # The four faults of these at once are more states than the memory of one run holds: 59 million were not all.
    _large(_search(_ONE, "RESTARTS CRASHES WATCHES")),
    _large(_search(_ONE, "RESTARTS CRASHES MODEM")),
    _large(_search(_ONE, "RESTARTS WATCHES MODEM")),
    _large(_search(_ONE, "CRASHES WATCHES MODEM")),
    _large(_search(_TWO_PARTS, "RESTARTS CRASHES MODEM")),
    _large(_search(_BOTH, "RESTARTS")),
    _large(_search(_BOTH, "CRASHES")),
    _large(_search(_ONE, "CRASHES LOSSES MODEM MOVED_CARDS CANCELS")),
    _large(_search(_TWO_PARTS, "CRASHES LOSSES MODEM MOVED_CARDS")),
    _large(_search(_BACKUP, "WATCHES")),
    _large(_search(_BACKUP_TWO_PARTS, "WATCHES")),
    _large(_search(_BACKUP_TWO_PARTS, "LOSSES")),
    _large(_search(_ONE, "CRASHES WATCHES")),
    _large(_search(_TWO_PARTS, "CRASHES WATCHES")),
)
