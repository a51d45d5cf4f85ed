"""The folder of the backups: another disk than the database's, and for this gateway alone."""

from __future__ import annotations

from config.settings import StoreSettings
from gatewayd.diagnostics.findings import Finding, ok, warning
from gatewayd.store.backup import kept, own
from gatewayd.store.backup_folder import on_one_disk
from gatewayd.store.store_owner import known_owner

_ABOUT = "backup folder"


def check(settings: StoreSettings) -> list[Finding]:
    """What is wrong with `store.backup_dir`; nothing where none is set. Whether the daemon may write there, it tells itself."""
    folder = settings.backup_dir
    if folder is None:
        return []
    found = []
    if on_one_disk(folder, settings.path.parent):
        found.append(
            warning(
                _ABOUT,
                f"{folder} is on the disk of the database, so that backups are lost with it: mount another disk there"
                f" (`findmnt -T {folder}` shows which it is), or set store.backup_dir to a folder on another one.",
            )
        )
    try:
        foreign = len(kept(folder)) - len(own(folder, known_owner(settings.path)))
    except OSError as error:
        return [*found, warning(_ABOUT, f"{folder} cannot be looked into ({error}): run this with sudo.")]
    if foreign:
        found.append(
            warning(
                _ABOUT,
                f"{foreign} backups in {folder} are those of another gateway, and are left alone: give each a folder of its own.",
            )
        )
    return found or [ok(_ABOUT, f"{folder} is on another disk than the database.")]
