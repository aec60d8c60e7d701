"""Classes that were taught to the model of a release, which the model of another one does not have."""

from __future__ import annotations

from pathlib import Path

from ..archive.manifest import MANIFEST, MODEL, parse
from ..base.errors import Refused
from ..base.inside import inside
from ..base.loop import UNNAMED, Loop
from ..base.regular_files import read_bytes
from .switch import release_folder

FOLDERS = ("var/lib/private", "var/lib")
"""Where systemd keeps a service's state: with a dynamic user, and with a fixed one (systemd.exec(5), StateDirectory=)."""


def left_behind(root: Path, before: str | None, after: str, loop: Loop = UNNAMED) -> str:
    """Return a sentence about taught classes that the new release does not use; empty if there are none."""
    old, new = (None if name is None else _taught(root, name, loop) for name in (before, after))
    if old is None or new is None or old == new or new.exists() or not old.exists():
        return ""
    return f"the classes taught on this device belong to the model before and stay in {old}; teach the new model again"


def _taught(root: Path, release: str, loop: Loop) -> Path | None:
    """Return the file with the classes taught to a release's model; see edgevision/files/state_folder.py."""
    try:
        manifest = parse(read_bytes(release_folder(root, release) / MANIFEST))
        folders = [inside(root, Path(one, loop.slug)) for one in FOLDERS]
        state = next((one for one in folders if one.is_dir()), folders[-1])
        return state / "taught" / f"{manifest.files[MODEL].sha256}.json"
    except (Refused, OSError, KeyError):
        return None
