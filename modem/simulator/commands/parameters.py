"""Commands that store a number and do nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from modem.simulator.core.modem import Handler, Modem
from modem.simulator.core.request import Form, Request, number
from modem.simulator.core.results import CommandError


def parameter(name: str, field: str, values: range, error: CommandError | None = None) -> Handler:
    """A command that reads, tests and sets one number of `Settings`."""

    def handler(modem: Modem, request: Request) -> None:
        if request.form is Form.READ:
            modem.info(f"{name}: {getattr(modem.settings, field)}")
        elif request.form is Form.TEST:
            modem.info(f"{name}: {shown_range(values)}")
        else:
            raw = request.raw if request.form is Form.SET else "0"
            setattr(modem.settings, field, number(raw, values, error))

    return handler


def tolerated(name: str, values: range, default: int = 0) -> Handler:
    """A command whose number is stored without effect."""

    def handler(modem: Modem, request: Request) -> None:
        others = modem.settings.others
        if request.form is Form.READ:
            modem.info(f"{name}: {others.get(name, default)}")
        elif request.form is Form.TEST:
            modem.info(f"{name}: {shown_range(values)}")
        elif request.form is Form.SET:
            others[name] = number(request.raw.split(",")[0], values)

    return handler


def shown_range(values: Iterable[int]) -> str:
    """Accepted values as +X=? shows them: `(0,1)` or `(0-2)`."""
    numbers = sorted(values)
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"({numbers[0]}-{numbers[-1]})"
    return f"({','.join(map(str, numbers))})"


def accepted(modem: Modem, request: Request) -> None:
    """A command that always answers OK."""
    del modem, request
