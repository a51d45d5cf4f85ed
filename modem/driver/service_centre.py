"""The service centre number of a SIM (27.005, 3.3.1): read, and set where the SIM has none."""

from __future__ import annotations

from modem.driver import parsers
from modem.driver.commands import Commands


class ServiceCentre:
    """The service centre of the SIM in the active slot."""

    def __init__(self, commands: Commands, configured: str | None) -> None:
        """`configured`: the number to set where the SIM has none."""
        self.present: bool | None = None  # the last result of `find` or `provide`
        self._commands = commands
        self._configured = configured

    def find(self) -> bool | None:
        """Whether the SIM has a service centre number; None without an answer."""
        answer = self._commands.patiently("AT+CSCA?", "+CSCA")
        if answer.ok:
            # An OK alone is no answer to the question.
            return parsers.has_service_centre(answer.lines[0]) if answer.lines else None
        return False if answer.cause.no_service_centre else None

    def provide(self, *, missing: bool = False) -> bool:
        """Set the configured number where the SIM has none. Whether it was set.

        `missing`: a submission was refused for want of a number. That counts where the modem does not answer.
        """
        found = self.find()
        self.present = False if found is None and missing else found
        if self._configured is None or self.present is not False:
            return False
        kind = 145 if self._configured.startswith("+") else 129
        command = f'AT+CSCA="{self._configured}",{kind}'
        self.present = self._commands.attempt(command, timeout_s=self._commands.timeouts.sim_s).ok
        return self.present
