"""Paths inside the root file system of another machine, such as a mounted SD card.

A symbolic link on that machine must lead to where it leads there, not into the machine that works on it: ``/etc/x`` in
a link means ROOT/etc/x, and ``..`` does not leave ROOT, as with RESOLVE_IN_ROOT of openat2(2). The root must not be
changed by somebody else at the same time, as it could be if it were running.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePath

MAX_LINKS = 40
"""As in Linux (path_resolution(7))."""
SYSTEM = Path("/")


def inside(root: Path, path: str | PurePath, follow: bool = True) -> Path:
    """Return where a path of the machine with this root is on this machine; it does not have to exist.

    No folder of the returned path is a link below ``root``, so that what is done to it stays inside. Raises OSError.

    Args:
        root: Root file system; of /, the path is returned as it is.
        path: Path on that machine; a leading / makes no difference.
        follow: Whether to follow a link at the end of the path; if not, the caller must not follow it either.
    """
    if root == SYSTEM:
        return SYSTEM / path
    waiting = [part for part in reversed(PurePath(path).parts) if part != "/"]
    found: list[str] = []
    links = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            found = found[:-1]
            continue
        here = root.joinpath(*found, part)
        if not here.is_symlink() or (not waiting and not follow):
            found.append(part)
            continue
        links += 1
        if links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(root / path))
        target = PurePath(here.readlink())
        if target.is_absolute():
            found = []
        waiting += [one for one in reversed(target.parts) if one != "/"]
    return root.joinpath(*found)
