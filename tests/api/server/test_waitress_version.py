"""api/server/ replaces parts of waitress: a version that was not checked fails here."""

from __future__ import annotations

from importlib.metadata import version

CHECKED = ("3.0.2",)
"""Versions whose source was compared with what `api/server/` overrides: `HTTPChannel` (received, write_soon, send, service,
readable, handle_read, handle_close), `HTTPRequestParser`, `ErrorTask`, `WSGITask.write`, `ThreadedTaskDispatcher` and
`TcpWSGIServer` (readable, add_task, maintenance)."""


def test_the_installed_waitress_was_checked_against_the_code_that_overrides_it() -> None:
    installed = version("waitress")
    assert installed in CHECKED, (
        f"waitress {installed} was not checked: compare channel.py, parser.py, task.py and server.py of waitress with "
        "api/server/, then add the version to CHECKED"
    )
