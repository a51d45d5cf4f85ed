"""The gateway's metrics, as Prometheus reads them."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Figures:
    """One scrape."""

    samples: tuple[tuple[str, dict[str, str], float], ...]

    @classmethod
    def read(cls, text: str) -> Figures:
        """Parse a text of the exposition format."""
        families = text_string_to_metric_families(text)
        return cls(
            tuple(
                (sample.name, sample.labels, sample.value) for family in families for sample in family.samples
            )
        )

    def sum(self, name: str, **labels: str) -> float:
        """The sum over all samples of this name that have these labels; they must exist."""
        values = [
            value
            for sample_name, sample_labels, value in self.samples
            if sample_name == name and labels.items() <= sample_labels.items()
        ]
        assert values, f"{name} has no sample with {labels}"
        return sum(values)
