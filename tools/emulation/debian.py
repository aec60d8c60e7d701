"""Debian roots: made by mmdebstrap, kept in the cache, made again only when their recipe changes."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from .host import ROOTS, CannotRun, need_programs, run, say

STAMP = ".edgevision-recipe"
MERGED_USR = Path("/usr/share/mmdebstrap/hooks/merged-usr")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One root."""

    name: str
    """Of its folder in the cache."""
    suite: str
    arch: str
    """Debian's name: amd64, arm64."""
    packages: tuple[str, ...]
    configured: bool = True
    """False: unpacked only. Nothing of the root is run then, so that another machine's root takes seconds."""
    essential_hook: str = ""
    """Shell text that prepares the root, $1, before the packages come."""

    @property
    def digest(self) -> str:
        """Changes when the root must be made again."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Where the root is or will be."""
        return ROOTS / self.name


def build(recipe: Recipe) -> Path:
    """The folder of a finished root. Raises CannotRun."""
    stamp = recipe.folder / STAMP
    if stamp.exists() and stamp.read_text() == recipe.digest:
        return recipe.folder
    need_programs({"mmdebstrap": "mmdebstrap"})
    say(f"making the root {recipe.name} ({recipe.suite}, {recipe.arch}, {len(recipe.packages)} packages named)")
    part = recipe.folder.with_suffix(".part")
    remove(part)
    part.parent.mkdir(parents=True, exist_ok=True)
    run([*_command(recipe), recipe.suite, part, *_mirror()], f"mmdebstrap {recipe.suite} {recipe.arch}")
    remove(recipe.folder)
    part.rename(recipe.folder)
    stamp.write_text(recipe.digest)
    return recipe.folder


def remove(root: Path) -> None:
    """Deletes a root; never through a mount. Raises CannotRun."""
    if not root.exists():
        return
    inside = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    if any(Path(place).is_relative_to(root.resolve()) for place in inside):
        raise CannotRun(f"something is still mounted in {root}; unmount it first")
    shutil.rmtree(root)


def _command(recipe: Recipe) -> list[str]:
    variant = "minbase" if recipe.configured else "extract"
    command = ["mmdebstrap", "--mode=root", f"--arch={recipe.arch}", f"--variant={variant}"]
    if not recipe.configured:
        command.append(f"--hook-dir={MERGED_USR}")
    if recipe.essential_hook:
        command.append(f"--essential-hook={recipe.essential_hook}")
    return [*command, f"--include={','.join(recipe.packages)}"]


def _mirror() -> list[str]:
    """DEBIAN_MIRROR, or what mmdebstrap takes by itself."""
    return [mirror] if (mirror := os.environ.get("DEBIAN_MIRROR")) else []
