"""Make a release the current one, in steps that a power cut may interrupt anywhere.

state.json is written first, then the link, then the unit. Every later change completes whatever is missing, and there is
one before every start of the service.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..base.atomic_files import place_link, place_text
from ..base.errors import Refused
from ..base.inside import inside
from ..base.loop import UNITS, UNNAMED, Loop, is_name
from ..base.regular_files import read_bytes
from ..base.status import BOOT_ID
from . import state as states
from .release_files import DONE
from .service import with_existing_groups
from .state import ReleaseState

HOME = UNNAMED.home
"""What all loops share: releases, wheels, the manager. It also has the state of the loop without a name."""
RELEASES, CURRENT, LOOPS = "releases", "current", "loops"

Change = Callable[[ReleaseState], ReleaseState]


@dataclass(frozen=True, slots=True)
class Switched:
    """A change that was carried out."""

    before: ReleaseState
    after: ReleaseState
    unit_changed: bool
    """Whether systemd must read the unit again."""


def loops(root: Path) -> list[Loop]:
    """Return the loops that have releases, or had, the one without a name first."""
    folder = inside(root, HOME / LOOPS)
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [UNNAMED, *(Loop(name) for name in names if is_name(name))]


def change(root: Path, how: Change, loop: Loop = UNNAMED) -> Switched:
    """Change a loop's state.json under a lock and complete the switch that it asks for. Raises Refused, OSError."""
    home = inside(root, loop.home)
    with _locked(home):
        before = states.load(home)
        after = how(before)
        if after != before:
            after.save(home)
        return Switched(before, after, _settle(root, after, loop))


def _settle(root: Path, state: ReleaseState, loop: Loop) -> bool:
    """Make link and unit follow the state; return whether the unit changed. Raises Refused, OSError."""
    if state.current is None:
        return False
    home, release = inside(root, loop.home), release_folder(root, state.current)
    if not (release / DONE).is_file():
        raise Refused(f"the release {state.current} is not complete; deploy it again")
    if states.linked(home) != state.current:
        up = "../" * len(loop.home.relative_to(HOME).parts)
        place_link(home / CURRENT, f"{up}{RELEASES}/{state.current}")
    wanted = with_existing_groups(root, (release / loop.unit).read_text(encoding="utf-8"))
    unit = inside(root, UNITS / loop.unit, follow=False)
    if _text(unit) == wanted:
        return False
    place_text(unit, wanted)
    os.sync()
    return True


def release_folder(root: Path, name: str) -> Path:
    """Return the folder of a release."""
    return inside(root, HOME / RELEASES) / name


def boot_id() -> str | None:
    """Return the kernel's id of this boot; None if there is none."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return None


def _text(unit: Path) -> str | None:
    try:
        return read_bytes(unit).decode("utf-8", "replace")
    except OSError:
        return None


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Wait for the lock of state.json, which is held for milliseconds; a process that ends releases it."""
    home.mkdir(parents=True, exist_ok=True)
    handle = os.open(home / ".state.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
