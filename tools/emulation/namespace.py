"""Private mounts: the whole program runs in a mount namespace, so its mounts disappear with it however it ends."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from .host import CannotRun, run

INSIDE = "EDGEVISION_EMULATION_NAMESPACE"


def enter() -> None:
    """Restart this program in a private mount namespace, once. Raises CannotRun."""
    if os.environ.get(INSIDE):
        return
    unshare = shutil.which("unshare")
    if unshare is None:
        raise CannotRun("unshare not found; install the Debian package util-linux")
    run([unshare, "--mount", "true"], "a private mount namespace (unshare --mount; not permitted in this container?)")
    os.environ[INSIDE] = "1"
    os.execv(unshare, [unshare, "--mount", sys.executable, "-m", "tools.emulation", *sys.argv[1:]])


def bind(source: Path, target: Path, *, writable: bool = False) -> None:
    """Bind-mount a file or folder. Raises CannotRun."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--bind", source, target)
    if not writable:
        mount("-o", "remount,bind,ro", target)


def mount(*arguments: str | Path) -> None:
    """Call mount. Raises CannotRun."""
    run(["mount", *arguments], f"mount {arguments[-1]}")


def mount_system(root: Path) -> None:
    """Mount /proc, /dev, a read-only /sys and empty /tmp and /run in a root. Raises CannotRun."""
    for name in ("proc", "sys", "dev", "tmp", "run"):
        (root / name).mkdir(exist_ok=True)
    mount("-t", "proc", "proc", root / "proc")
    mount("-t", "sysfs", "-o", "ro", "sysfs", root / "sys")
    mount("--rbind", "/dev", root / "dev")
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", root / "tmp")
    mount("-t", "tmpfs", "tmpfs", root / "run")
