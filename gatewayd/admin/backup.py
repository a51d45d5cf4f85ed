"""`gatewayd backup`: copy the database while it is in use."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from config.language.text import Text, text_of
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError, WrongUseError
from gatewayd.operations.backups import running_backup
from gatewayd.store.backup import BackupError, Progress


def backup(
    context: Context, file: str, force: bool = False
) -> Generator[list[dict[str, object]], None, None]:
    """Make a backup; yield batches of `{"copied", "pages"}`, possibly empty, and finally `{"file", "bytes"}`.

    Raises AdminError if the backup cannot be made.
    """
    target = Path(file)
    if not target.is_absolute():
        raise WrongUseError(Text("the path of the file must be absolute"))
    return _make(context, target, force)


def make(context: Context) -> dict[str, object]:
    """Have the running daemon make its next regular backup now."""
    backups = context.running().backups
    if backups.folder is None:
        raise AdminError(
            Text(
                "there is no folder for backups: set store.backup_dir in the configuration, and restart gatewayd"
            )
        )
    backups.make_now()
    return {"folder": str(backups.folder)}


def _make(context: Context, target: Path, force: bool) -> Generator[list[dict[str, object]], None, None]:
    store = context.store  # its log grows while the copy is made
    making = running_backup(store.path, target, context.clock.now(), overwrite=force, ended=store.cut_log)
    return progress_batches(making, target)


def progress_batches(
    making: Generator[Progress | None, None, int], target: Path
) -> Generator[list[dict[str, object]], None, None]:
    """Convert the progress of a running backup to the batches of `backup`. Raises AdminError."""
    try:
        while True:
            try:
                progress = next(making)
            except StopIteration as done:
                yield [{"file": str(target), "bytes": done.value}]
                return
            yield [] if progress is None else [{"copied": progress.copied, "pages": progress.pages}]
    except BackupError as error:
        raise AdminError(text_of(error)) from error
    finally:
        making.close()
