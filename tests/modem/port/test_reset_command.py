"""Running reset_command: its result, its time limit, and its end when the port stops."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from modem.port import reset_command

LONG_S = 60.0


@pytest.fixture
def bell() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def never() -> None:
    raise AssertionError("nobody rang")


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return (
        subprocess.run(["ps", "-o", "stat=", str(pid)], capture_output=True, check=False).stdout[:1] == b"Z"
    )


def test_its_output_and_exit_code_are_returned(bell: tuple[int, int]) -> None:
    program = "import sys; print('off', flush=True); print('on', file=sys.stderr); sys.exit(3)"
    assert reset_command.run(python(program), LONG_S, bell[0], never) == reset_command.Ended(3, "off\non\n")


def test_arguments_pass_no_shell(bell: tuple[int, int]) -> None:
    ended = reset_command.run(["echo", "$HOME; echo *"], LONG_S, bell[0], never)
    assert ended == reset_command.Ended(0, "$HOME; echo *\n")


def test_a_lot_of_output_neither_blocks_it_nor_fills_the_memory(bell: tuple[int, int]) -> None:
    ended = reset_command.run(python("print('é' * 2_000_000)"), LONG_S, bell[0], never)
    assert ended.code == 0
    assert 32_768 <= len(ended.output) <= 65_536


def test_the_program_and_its_children_are_killed_at_the_deadline(bell: tuple[int, int]) -> None:
    program = (
        "import signal, subprocess, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True)\ntime.sleep(60)"
    )
    ended = reset_command.run(python(program), 1.0, bell[0], never)
    assert ended.code is None
    deadline = time.monotonic() + 5
    while not gone(int(ended.output)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone(int(ended.output))


def test_run_does_not_wait_for_processes_left_behind(bell: tuple[int, int]) -> None:
    program = "import subprocess; print(subprocess.Popen(['sleep', '20']).pid)"
    ended = reset_command.run(python(program), LONG_S, bell[0], never)
    assert ended.code == 0
    os.kill(int(ended.output), 9)


def test_attend_is_called_and_may_end_the_program(bell: tuple[int, int]) -> None:
    class StopError(Exception):
        pass

    def stop() -> None:
        os.read(bell[0], 1)
        raise StopError

    os.write(bell[1], b"!")
    with pytest.raises(StopError):
        reset_command.run(["sleep", "60"], LONG_S, bell[0], stop)


def test_a_program_that_is_not_there_is_an_error(bell: tuple[int, int]) -> None:
    with pytest.raises(FileNotFoundError):
        reset_command.run(["/no/such/program"], LONG_S, bell[0], never)
