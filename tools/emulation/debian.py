"""Debian roots made by mmdebstrap, cached until their recipe changes."""

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
    """The recipe of a root."""

    name: str
    """Name of its folder in the cache."""
    suite: str
    arch: str
    """Debian's name of the architecture: amd64 or arm64."""
    packages: tuple[str, ...]
    configured: bool = True
    """False: unpack the packages without configuring them. Nothing in the root runs then, so a foreign root takes seconds."""
    essential_hook: str = ""
    """Shell commands that prepare the root ($1) before packages are installed."""

    @property
    def digest(self) -> str:
        """A hash that changes when the root must be rebuilt."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """The folder of the root."""
        return ROOTS / self.name


def build(recipe: Recipe) -> Path:
    """Build the root, unless it is up to date, and return its folder. Raises CannotRun."""
    stamp = recipe.folder / STAMP
    if stamp.exists() and stamp.read_text() == recipe.digest:
        return recipe.folder
    need_programs({"mmdebstrap": "mmdebstrap"})
    say(f"building the root {recipe.name} ({recipe.suite}, {recipe.arch}, {len(recipe.packages)} packages)")
    part = recipe.folder.with_suffix(".part")
    remove(part)
    part.parent.mkdir(parents=True, exist_ok=True)
    run([*_command(recipe), recipe.suite, part, *_mirror()], f"mmdebstrap {recipe.suite} {recipe.arch}")
    remove(recipe.folder)
    part.rename(recipe.folder)
    stamp.write_text(recipe.digest)
    return recipe.folder


def remove(root: Path) -> None:
    """Delete a root. Raises CannotRun if something is mounted in it."""
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
    """Return DEBIAN_MIRROR; without it, mmdebstrap uses its default."""
    return [mirror] if (mirror := os.environ.get("DEBIAN_MIRROR")) else []
