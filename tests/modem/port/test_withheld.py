"""Parts whose permit ends before the modem gets the PDU, on simulated modems: the network gets nothing of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from modem.errors import WITHHELD, cause
from modem.parts import Refused, Submission, Submitted, Via
from modem.simulator.bank import Bank, BankConfig, Fault
from modem.simulator.core.faults import ALWAYS
from tests.conftest import eventually
from tests.modem.recording_work import RecordingWork, part
from tests.modem.running_port import SCALE, port_on

LONG = "text " * 12
MAKES = ("plain", "sim800", "ec25", "e173", "q2406", "m6280", "mf190")


@contextmanager
def bank_of(path: Path, make: str) -> Iterator[Bank]:
    """A bank of one modem."""
    with Bank(BankConfig(path / "bank", ports=1, personality=make, time_scale=SCALE)) as bank:
        yield bank


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    with bank_of(tmp_path, "plain") as bank:
        yield bank


def answers(*given: bool) -> Callable[[], bool]:
    """A permit that gives these answers, one after another."""
    left = list(given)
    return lambda: left.pop(0)


def withheld(number: int, text: str, *given: bool, via: Via = Via.DIRECT) -> Submission:
    """A part with a permit that gives these answers."""
    return replace(part(number, text), via=via, marks=True, permitted=answers(*given))


@pytest.mark.parametrize("via", list(Via))
@pytest.mark.parametrize("make", MAKES)
def test_a_part_without_a_permit_is_not_handed_over_and_the_next_one_is(
    tmp_path: Path, make: str, via: Via
) -> None:
    with bank_of(tmp_path, make) as bank:
        following = replace(part(2, "following"), via=via, marks=True)
        work = RecordingWork(withheld(1, "first", False, via=via), following)
        with port_on(bank, work, submit_via=via.value):
            eventually(lambda: len(work.outcomes) == 2)
            memories = bank.modem(1).own_memories.values()
            eventually(lambda: not bank.call(lambda: sum(memory.used for memory in memories)))
        assert work.results[0] == Refused(cause("LOCAL", WITHHELD))
        assert isinstance(work.results[1], Submitted)
        assert [accepted.text for accepted in bank.accepted()] == ["following"]


def test_a_part_that_is_written_slowly_is_withheld_before_its_end(bank: Bank) -> None:
    bank.fault(1, Fault.OVERRUN, ALWAYS)
    slowly = withheld(1, f"first {LONG}", True, True, False)
    work = RecordingWork(slowly, part(2, f"following {LONG}"))
    with port_on(bank, work):
        eventually(lambda: len(work.outcomes) == 2)
    assert work.results[0] == Refused(cause("LOCAL", WITHHELD))
    assert isinstance(work.results[1], Submitted)
    assert [accepted.text for accepted in bank.accepted()] == [f"following {LONG}"]


def test_the_permit_is_asked_again_at_each_try(bank: Bank) -> None:
    """A try that the network refused says nothing about the permit of the next one."""
    bank.fault(1, Fault.OVERRUN, ALWAYS)
    work = RecordingWork(withheld(1, f"first {LONG}", True, False), part(2, "following"))
    with port_on(bank, work):
        eventually(lambda: len(work.outcomes) == 2)
    assert work.results[0] == Refused(cause("LOCAL", WITHHELD))
    assert [accepted.text for accepted in bank.accepted()] == ["following"]
