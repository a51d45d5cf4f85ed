"""The gateway's figures, as Prometheus reads them."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Figures:
    """One scrape."""

    samples: tuple[tuple[str, dict[str, str], float], ...]

    @classmethod
    def read(cls, text: str) -> Figures:
        """What an exposition says."""
        families = text_string_to_metric_families(text)
        return cls(tuple((one.name, one.labels, one.value) for family in families for one in family.samples))

    def sum(self, name: str, **labels: str) -> float:
        """The sum over all samples of this name that have these labels; they must exist."""
        found = [value for told, had, value in self.samples if told == name and labels.items() <= had.items()]
        assert found, f"{name} has no sample with {labels}"
        return sum(found)
