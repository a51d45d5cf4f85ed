"""Check the backup folder: it is on another disk than the database, and no other gateway uses it."""

from __future__ import annotations

from config.language.text import Text
from config.settings import StoreSettings
from gatewayd.diagnostics.findings import Finding, ok, warning
from gatewayd.store.backup import kept, own
from gatewayd.store.backup_folder import on_one_disk
from gatewayd.store.store_owner import known_owner

_ABOUT = Text("backup folder")


def check(settings: StoreSettings) -> list[Finding]:
    """Check `store.backup_dir`, if it is set. The daemon itself reports whether it can write there."""
    folder = settings.backup_dir
    if folder is None:
        return []
    found = []
    if on_one_disk(folder, settings.path.parent):
        found.append(
            warning(
                _ABOUT,
                Text(
                    "{folder} is on the disk of the database, so a failed disk loses the backups too: mount another disk there"
                    " (`findmnt -T {folder}` shows which disk it is), or set store.backup_dir to a folder on another one.",
                    folder=folder,
                ),
            )
        )
    try:
        foreign = len(kept(folder)) - len(own(folder, known_owner(settings.path)))
    except OSError as error:
        text = Text("{path} cannot be read ({reason}): run this with sudo.", path=folder, reason=error)
        return [*found, warning(_ABOUT, text)]
    if foreign:
        found.append(
            warning(
                _ABOUT,
                Text(
                    "{count} backups in {folder} belong to another gateway, and are never deleted:"
                    " give each gateway its own folder.",
                    count=foreign,
                    folder=folder,
                ),
            )
        )
    return found or [ok(_ABOUT, Text("{folder} is on another disk than the database.", folder=folder))]
