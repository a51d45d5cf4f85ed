"""A modem's volatile settings: a reset restores the defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from modem.simulator.core.traits import Traits


@dataclass(slots=True)
class Settings:
    """The volatile settings, each named after its command."""

    echo: bool
    cmee: int
    cmgf: int
    cnmi: tuple[int, ...]
    cscs: str
    storage: list[str]  # +CPMS: to read and delete, to write and send, to receive into
    quiet: bool = False
    verbose: bool = True
    csms: int = 0
    csmp: tuple[int, int, int, int] = (17, 167, 0, 0)
    csdh: int = 0
    cmms: int = 0
    creg: int = 0
    cgreg: int = 0
    cereg: int = 0
    cops_format: int = 0
    cusd: int = 0
    others: dict[str, int] = field(default_factory=dict)  # settings that are kept and have no effect here

    @classmethod
    def of(cls, traits: Traits) -> Settings:
        """The settings of a modem that was just switched on."""
        return cls(
            echo=traits.echo,
            cmee=traits.cmee,
            cmgf=traits.text_mode,
            cnmi=traits.cnmi_at_start,
            cscs=traits.charset_at_start,
            storage=list(traits.memories_at_start),
        )
