"""`gatewayd backup`: a copy of the database, while it is in use."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from gatewayd.admin.context import AdminError, Context
from gatewayd.operations.backups import running_backup
from gatewayd.store.backup import BackupError, Progress


def backup(
    context: Context, file: str, force: bool = False
) -> Generator[list[dict[str, object]], None, None]:
    """Make a backup; batches of `{"copied", "pages"}`, empty ones too, and last of all `{"file", "bytes"}`.

    Raises AdminError where it cannot be made.
    """
    target = Path(file)
    if not target.is_absolute():
        raise AdminError("the file must be named by an absolute path")
    return _made(context, target, force)


def _made(context: Context, target: Path, force: bool) -> Generator[list[dict[str, object]], None, None]:
    store = context.store  # whose log grows while the copy is made
    making = running_backup(store.path, target, context.clock.now(), overwrite=force, ended=store.cut_log)
    return told(making, target)


def told(
    making: Generator[Progress | None, None, int], target: Path
) -> Generator[list[dict[str, object]], None, None]:
    """The batches of `backup`, of a backup that is being made. Raises AdminError."""
    try:
        while True:
            try:
                progress = next(making)
            except StopIteration as done:
                yield [{"file": str(target), "bytes": done.value}]
                return
            yield [] if progress is None else [{"copied": progress.copied, "pages": progress.pages}]
    except BackupError as error:
        raise AdminError(str(error)) from error
    finally:
        making.close()
