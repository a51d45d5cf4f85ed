"""Check that imports follow the floors of docs/architecture.md.

    python tools/check_floors.py [ROOT]

A file imports only from its own floor or below, no files import each other in a circle, and some libraries
belong to some folders alone. Imports inside functions and under TYPE_CHECKING count too; only a circle may
be broken with TYPE_CHECKING. Prints each fault as FILE:LINE and exits with 1 if there is one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("config", "modem", "gatewayd", "api")

SQL = ("sqlite3", "sqlite_utils")
HTTP = ("flask", "werkzeug", "waitress")
SERIAL = ("serial",)
THREADS = ("threading", "_thread", "concurrent", "multiprocessing")


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the tree: the floor it stands on and the libraries it must not know."""

    floor: int
    forbidden: tuple[str, ...]


COMPOSITION = Place(5, SQL)
OUTSIDE = Place(6, ())  # what nothing in the house may import

# The longest beginning of a file's path counts.
PLACES = {
    "config/": Place(0, (*SQL, *HTTP, *SERIAL, *THREADS)),
    "modem/": Place(1, (*SQL, *HTTP)),
    "gatewayd/store/": Place(2, (*HTTP, *SERIAL)),
    "gatewayd/": Place(3, (*SQL, *HTTP, *SERIAL)),
    "api/": Place(4, (*SQL, *SERIAL, *THREADS)),
    "gatewayd/cli.py": COMPOSITION,
    "gatewayd/__main__.py": COMPOSITION,
    "gatewayd/daemon.py": COMPOSITION,
    "gatewayd/commands/": COMPOSITION,
    "tests/": OUTSIDE,
    "tools/": OUTSIDE,
}

# (file, library) that is allowed all the same: why.
ALLOWED = {
    ("api/budget.py", "threading"): "bodies on several threads share one bound",
    ("api/places.py", "threading"): "a semaphore keeps requests that wait from using up the server's threads",
    ("api/server.py", "threading"): "waitress answers in threads, and a stop waits for them",
    ("api/hands.py", "threading"): "the threads that answer requests",
    ("api/flight.py", "threading"): "a stop waits for the requests in flight",
    ("api/throttle.py", "threading"): "requests on several threads are counted together",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One module that one line of one file imports. Files of the house are paths, libraries are names."""

    file: str
    line: int
    target: str
    typing_only: bool


def faults(root: Path) -> list[str]:
    """Every fault of the tree under `root`, as `FILE:LINE: sentence`."""
    files = {_module(path): path.as_posix() for path in _python_files(root)}
    imports = [found for path in files.values() for found in _imports(root, path, files)]
    return [*_upward(imports), *_forbidden(imports), *_circles(imports)]


def _python_files(root: Path) -> Iterator[Path]:
    for package in (*PACKAGES, "tests", "tools"):
        for path in sorted((root / package).rglob("*.py")):
            yield path.relative_to(root)


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _place(path: str) -> Place:
    return PLACES[max((prefix for prefix in PLACES if path.startswith(prefix)), key=len)]


def _imports(root: Path, path: str, files: dict[str, str]) -> Iterator[Import]:
    """What the file imports; only for files of the house."""
    if _place(path) is OUTSIDE:
        return
    tree = ast.parse((root / path).read_bytes(), filename=path)
    typing_only = {
        id(node) for block in ast.walk(tree) if _is_type_checking(block) for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        for name in _names(node, path):
            target = _file_of(name, files)
            if target != path:
                yield Import(path, getattr(node, "lineno", 1), target, id(node) in typing_only)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _names(node: ast.AST, path: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = Path(path).parent.parts
        above = package[: len(package) - node.level + 1] if node.level else ()
        base = ".".join((*above, *filter(None, [node.module])))
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _file_of(name: str, files: dict[str, str]) -> str:
    """The file of the house that holds a dotted name, else the library's own name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if path := files.get(".".join(parts[:length])):
            return path
    return parts[0]


def _upward(imports: list[Import]) -> Iterator[str]:
    for found in imports:
        if not found.target.endswith(".py"):
            continue
        own, other = _place(found.file).floor, _place(found.target).floor
        if other > own:
            yield f"{found.file}:{found.line}: on floor {own}, must not import {found.target}, on floor {other}"


def _forbidden(imports: list[Import]) -> Iterator[str]:
    for found in imports:
        if found.target in _place(found.file).forbidden and (found.file, found.target) not in ALLOWED:
            yield f"{found.file}:{found.line}: must not know {found.target}"


def _circles(imports: list[Import]) -> Iterator[str]:
    """Each circle once, told from its first file in the order of names."""
    graph: dict[str, list[str]] = {}
    for found in sorted(imports, key=lambda found: (found.file, found.target)):
        if found.target.endswith(".py") and not found.typing_only:
            graph.setdefault(found.file, []).append(found.target)
    done: set[str] = set()
    for start in graph:
        yield from _circles_from(start, [], graph, done)


def _circles_from(file: str, trail: list[str], graph: dict[str, list[str]], done: set[str]) -> Iterator[str]:
    if file in trail:
        yield f"{file}:1: a circle of imports: {' -> '.join([*trail[trail.index(file) :], file])}"
    elif file not in done:
        for target in dict.fromkeys(graph.get(file, [])):
            yield from _circles_from(target, [*trail, file], graph, done)
        done.add(file)


def main() -> int:
    """Check the tree given as argument, else the current folder."""
    found = faults(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
