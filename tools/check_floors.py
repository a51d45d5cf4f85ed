"""Check that imports follow the floors of docs/architecture.md.

    python tools/check_floors.py [ROOT]

A file imports only from its own floor or below. Neither files nor folders import each other in a circle. Some libraries
may be imported only by some folders. Imports inside functions and under TYPE_CHECKING count too. Prints each fault as FILE:LINE
and exits with 1 if there is one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# From low to high. The longest prefix that matches the path of a file decides its floor.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("config/", "config/language/"),
    # Modems: bytes and codes, then commands, then the thread of a port.
    ("modem/", "modem/sms/", "modem/hardware/", "modem/simulator/core/"),
    ("modem/at/", "modem/simulator/commands/"),
    ("modem/driver/", "modem/simulator/makes/"),
    ("modem/recording/",),
    ("modem/port/", "modem/discovery.py", "modem/simulator/"),
    # The store: what is kept, and how durably.
    ("gatewayd/", "gatewayd/store/engine/"),
    ("gatewayd/store/tables/",),
    ("gatewayd/store/",),
    # Several boxes: the second database, its queue, and (above sending) what a box does with them.
    ("gatewayd/fleet/postgres/",),
    # The gateway: time, accounts and SIMs, then messages, then sending.
    ("gatewayd/timekeeping/",),
    ("gatewayd/accounts/", "gatewayd/sims/", "gatewayd/diagnostics/", "gatewayd/support/"),
    ("gatewayd/messages/", "gatewayd/receiving/"),
    ("gatewayd/sending/", "gatewayd/fleet/queue/"),
    ("gatewayd/events/", "gatewayd/loop_test/", "gatewayd/operations/", "gatewayd/webhooks/"),
    ("gatewayd/fleet/",),
    ("gatewayd/gateway.py",),
    # The ways in: HTTP, the control socket, the command line.
    ("gatewayd/admin/", "api/access/", "api/requests/", "api/responses/"),
    ("api/server/", "api/documentation/"),
    ("api/dashboard/",),
    ("api/endpoints/", "api/dashboard/pages/"),
    ("api/",),
    ("gatewayd/daemon/",),
    ("gatewayd/commands/",),
    ("gatewayd/cli.py", "gatewayd/__main__.py"),
    ("tests/", "tools/"),
)
FLOOR_OF = {prefix: floor for floor, prefixes in enumerate(FLOORS) for prefix in prefixes}
UNCHECKED = ("tests/", "tools/")  # may import everything; nothing may import them

SQL = ("sqlite3", "sqlite_utils")
HTTP = ("flask", "werkzeug", "waitress")
POSTGRESQL = ("psycopg",)
SERIAL = ("serial",)
THREADS = ("threading", "_thread", "concurrent", "multiprocessing")

# Each library and the folders that may import it.
LIBRARIES: dict[tuple[str, ...], tuple[str, ...]] = {
    SQL: ("gatewayd/store/",),
    POSTGRESQL: ("gatewayd/fleet/postgres/",),
    HTTP: ("api/", "gatewayd/accounts/passwords.py"),
    SERIAL: ("modem/at/", "modem/hardware/", "modem/discovery.py"),
    THREADS: (
        "api/access/",
        "api/server/",
        "gatewayd/",
        "modem/discovery.py",
        "modem/port/",
        "modem/simulator/",
    ),
}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module of one line. Files of the project are paths, libraries are names."""

    file: str
    line: int
    target: str


def faults(root: Path) -> list[str]:
    """Every fault of the tree under `root`, as `FILE:LINE: sentence`."""
    files = {_module(path): path.as_posix() for path in _python_files(root)}
    imports = [
        found
        for path in files.values()
        if not path.startswith(UNCHECKED)
        for found in _imports(root, path, files)
    ]
    inside = [found for found in imports if found.target.endswith(".py")]
    return [
        *_upward(inside),
        *_forbidden(imports),
        *_circles([(found.file, found.target, found) for found in inside]),
        *_circles(
            [
                (_folder(found.file), _folder(found.target), found)
                for found in inside
                if _folder(found.file) != _folder(found.target)
            ]
        ),
    ]


def _python_files(root: Path) -> Iterator[Path]:
    for package in ("config", "modem", "gatewayd", "api", "tests", "tools"):
        for path in sorted((root / package).rglob("*.py")):
            yield path.relative_to(root)


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _floor(path: str) -> int:
    return FLOOR_OF[max((prefix for prefix in FLOOR_OF if path.startswith(prefix)), key=len)]


def _folder(path: str) -> str:
    """The folder of a file. A file directly in a package, such as gatewayd/errors.py, counts as a folder."""
    parent = Path(path).parent
    return path if len(parent.parts) == 1 and parent.name != "config" else f"{parent.as_posix()}/"


def _imports(root: Path, path: str, files: dict[str, str]) -> Iterator[Import]:
    tree = ast.parse((root / path).read_bytes(), filename=path)
    for node in ast.walk(tree):
        for name in _names(node, path):
            target = _file_of(name, files)
            if target != path:
                yield Import(path, getattr(node, "lineno", 1), target)


def _names(node: ast.AST, path: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = Path(path).parent.parts
        above = package[: len(package) - node.level + 1] if node.level else ()
        base = ".".join((*above, *filter(None, [node.module])))
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _file_of(name: str, files: dict[str, str]) -> str:
    """The file of the project that contains a dotted name, otherwise the name of the library."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if path := files.get(".".join(parts[:length])):
            return path
    return parts[0]


def _upward(imports: list[Import]) -> Iterator[str]:
    for found in imports:
        own, other = _floor(found.file), _floor(found.target)
        if other > own:
            yield f"{found.file}:{found.line}: on floor {own}, must not import {found.target}, on floor {other}"


def _forbidden(imports: list[Import]) -> Iterator[str]:
    for found in imports:
        for names, folders in LIBRARIES.items():
            if found.target in names and not found.file.startswith(folders):
                yield f"{found.file}:{found.line}: must not import {found.target}"


def _circles(arrows: list[tuple[str, str, Import]]) -> Iterator[str]:
    """Each circle once, reported at the import that closes it."""
    graph: dict[str, dict[str, Import]] = {}
    for start, end, found in sorted(arrows, key=lambda arrow: (arrow[0], arrow[1], arrow[2].line)):
        graph.setdefault(start, {}).setdefault(end, found)
    done: set[str] = set()
    for start in graph:
        yield from _circles_from(start, [], graph, done)


def _circles_from(
    node: str, trail: list[str], graph: dict[str, dict[str, Import]], done: set[str]
) -> Iterator[str]:
    if node in trail:
        found = graph[trail[-1]][node]
        way = " -> ".join([*trail[trail.index(node) :], node])
        yield f"{found.file}:{found.line}: a circle of imports: {way}"
    elif node not in done:
        for target in graph.get(node, {}):
            yield from _circles_from(target, [*trail, node], graph, done)
        done.add(node)


def main() -> int:
    """Check the tree given as argument, else the current folder."""
    found = faults(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
