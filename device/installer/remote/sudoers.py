"""The one line of sudoers that lets a user send requests, and nothing else, without a password."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..base.atomic_files import place_text
from ..base.commands import run
from ..base.errors import Refused
from ..base.inside import inside
from ..release.install import MANAGER
from ..release.switch import HOME

FOLDER = Path("etc/sudoers.d")
PREFIX = "edgevision-deploy-"
"""Start of the names of our files in it; the name of the user follows."""
COMMAND = ("/usr/bin/python3", "-I", f"/{HOME / MANAGER}", "remote")
"""Started by sudo; what it does comes on its standard input."""


def line(user: str) -> str:
    """Return the line for a user (sudoers(5))."""
    return f"{user} ALL=(root) NOPASSWD: {' '.join(COMMAND)}"


def allow(root: Path, user: str) -> Path:
    """Write the line for a user into a file of its own, after visudo accepted it. Raises Refused, OSError."""
    text = f"# Lets edgevision deploy update this device; remove the file to end that.\n{line(user)}\n"
    target = inside(root, FOLDER / f"{PREFIX}{user}", follow=False)
    with tempfile.NamedTemporaryFile("w", prefix="edgevision-sudoers-") as draft:
        draft.write(text)
        draft.flush()
        run(["visudo", "-cqf", draft.name], f"visudo, checking {target}", Path("/"))
    if not target.parent.is_dir():
        raise Refused(f"{target.parent} does not exist; install sudo on the device")
    place_text(target, text, 0o440)
    if root == Path("/"):
        os.chown(target, 0, 0)
    return target
