"""Backups while the gateway runs: on request, and regularly."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from config.language.text import Text, text_of
from config.settings import StoreSettings
from gatewayd.store import backup, backup_folder
from gatewayd.store.backup import BackupError, Progress
from gatewayd.store.store import Store
from gatewayd.store.store_owner import known_owner
from gatewayd.timekeeping.clock import SECOND, Clock

log = logging.getLogger(__name__)

# The progress is yielded this often, also while it is unknown.
_BEAT_S = 0.5
_STOP_S = 0.5

# The wait after a start before a backup that is due: the modems start first.
_SETTLE_S = 60.0

# The time until a retry after a failed backup; shorter where backups are made more often.
_AGAIN_S = 3600.0

# Of a copy that a person downloads, until it is open. A crash leaves at most this one file, which the next copy replaces.
_COPY_NAME: Final = "download.tmp"


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A regular backup. `own`: of this gateway; another one may use the same folder."""

    path: Path
    bytes: int
    made_at: int  # microseconds since the epoch
    own: bool


def running_backup(
    source: Path, target: Path, now: int, *, overwrite: bool, ended: Callable[[], None] = lambda: None
) -> Generator[Progress | None, None, int]:
    """Make a backup: yields its progress (None: unknown), and returns its size in bytes.

    Closing the generator cancels the backup. `ended` is always called at the end. Raises BackupError.
    """
    progress: queue.SimpleQueue[Progress] = queue.SimpleQueue()
    cancelled = threading.Event()
    result: list[int | Exception] = []

    def work() -> None:
        try:
            result.append(
                backup.back_up(
                    source,
                    target,
                    now=now,
                    overwrite=overwrite,
                    on_progress=progress.put,
                    cancelled=cancelled,
                )
            )
        except Exception as error:  # noqa: BLE001 - raised again on the thread that waits for it
            result.append(error)

    thread = threading.Thread(target=work, name="backup", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            last: Progress | None = None
            with suppress(queue.Empty):
                last = progress.get(timeout=_BEAT_S)
                while True:
                    last = progress.get_nowait()
            yield last
    finally:
        cancelled.set()
        thread.join(_STOP_S)
        with suppress(Exception):
            ended()
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]


class Backups:
    """Makes a backup every `store.backup_every_s` in `store.backup_dir`, and keeps the newest `store.backup_keep`."""

    def __init__(self, settings: StoreSettings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._stopping = threading.Event()
        self._wake = threading.Event()  # a stop, or a request for a backup now
        self._copying = threading.Lock()
        self._thread = threading.Thread(target=self._loop, name="backups", daemon=True)
        self._warned = False  # that the folder is on the disk of the database
        self.newest_at: int | None = (
            None  # microseconds since the epoch; None: there is none, or it is not known
        )
        self.last_failure = ""  # of the last try; "": it succeeded
        self.progress: Progress | None = None  # of the backup that is being made

    def start(self) -> None:
        """Start, where the configuration has a folder."""
        if self._settings.backup_dir is not None:
            self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop, and cancel a running backup."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @property
    def folder(self) -> Path | None:
        """The folder of the regular backups; None: there are none."""
        return self._settings.backup_dir

    def make_now(self) -> None:
        """Make the next backup now; only where there is a folder. Without effect while one is being made."""
        if self.progress is None:
            self._wake.set()

    def files(self) -> list[BackupFile]:
        """The regular backups in the folder, newest first. Raises OSError."""
        if self.folder is None:
            return []
        own = set(backup.own(self.folder, known_owner(self._store.path)))
        found = [(path, path.stat()) for path in backup.kept(self.folder)]
        return [
            BackupFile(path, state.st_size, int(state.st_mtime * SECOND), path in own)
            for path, state in reversed(found)
        ]

    def copy(self) -> BinaryIO:
        """A copy of the database, as an open file without a name: its space is free again when it is closed.

        Raises BackupError, also where another copy is being made.
        """
        if not self._copying.acquire(blocking=False):
            raise BackupError(Text("another copy is being made: try again in a minute"))
        target = self._store.path.parent / _COPY_NAME
        try:
            for _ in running_backup(
                self._store.path, target, self._clock.now(), overwrite=True, ended=self._store.cut_log
            ):
                if self._stopping.is_set():
                    raise BackupError(Text("the daemon is stopping"))
            file = target.open("rb")
            target.unlink()
            return file
        except OSError as error:
            raise BackupError(Text("the copy cannot be read: {reason}", reason=error)) from error
        finally:
            self._copying.release()

    def _loop(self) -> None:
        folder = self._settings.backup_dir
        assert folder is not None  # noqa: S101 - see `start`
        self._look_at(folder)
        wait_s = self._first_wait_s(folder)
        while not self._stopped_within(wait_s):
            wait_s = self._settings.backup_every_s
            try:
                self._make(folder)
                self.last_failure = ""
            except (BackupError, OSError) as error:
                if self._stopping.is_set():
                    return
                self.last_failure = text_of(error)
                wait_s = min(wait_s, _AGAIN_S)
                log.error("no backup was made in %s: %s", folder, error)
            except Exception:
                self.last_failure = Text("an unexpected error; the log has it")
                log.exception("no backup was made in %s", folder)

    def _stopped_within(self, wait_s: float) -> bool:
        """Wait for a stop; less long where a backup is wanted now."""
        self._wake.wait(wait_s)
        self._wake.clear()
        return self._stopping.is_set()

    def _look_at(self, folder: Path) -> None:
        """Log a fault of the folder at once: the first backup may not be due before tomorrow."""
        trouble = backup_folder.unwritable(folder)
        if trouble:
            self.last_failure = trouble
            log.error("no backup can be made in %s: %s", folder, trouble)
        self._warn_of_the_disk(folder)

    def _warn_of_the_disk(self, folder: Path) -> None:
        if backup_folder.on_one_disk(folder, self._store.path.parent) and not self._warned:
            log.warning(
                "the backups in %s are on the disk of the database, and are lost with it: mount another disk there",
                folder,
            )
            self._warned = True
        elif self._warned and not backup_folder.on_one_disk(folder, self._store.path.parent):
            self._warned = False

    def _first_wait_s(self, folder: Path) -> float:
        """Seconds until the first backup, by the age of the newest one where that is known."""
        every_s = self._settings.backup_every_s
        try:
            have = backup.own(folder, known_owner(self._store.path))
            made_at = have[-1].stat().st_mtime if have else None
            self.newest_at = None if made_at is None else int(made_at * SECOND)
            age_s = every_s if made_at is None else self._clock.now() / SECOND - made_at
        except OSError:
            age_s = every_s
        left_s = every_s - age_s if 0 <= age_s <= every_s else 0.0
        return max(left_s, min(_SETTLE_S, every_s))

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise BackupError(backup_folder.unwritable(folder) or str(error)) from error
        self._warn_of_the_disk(folder)
        target = backup.next_name(folder)
        self.progress = Progress(0, 0)
        try:
            for progress in running_backup(
                self._store.path, target, self._clock.now(), overwrite=False, ended=self._store.cut_log
            ):
                self.progress = progress or self.progress
                if self._stopping.is_set():
                    return
        finally:
            self.progress = None
        log.info("a backup was made: %s", target)
        self.newest_at = self._clock.now()
        for old in backup.own(folder, known_owner(self._store.path))[: -self._settings.backup_keep]:
            old.unlink(missing_ok=True)
