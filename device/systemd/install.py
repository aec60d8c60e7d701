"""Puts the loop into a machine as a service, or into the root of another one: unit, configuration, model."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import click

from edgevision import modelfile, ready
from edgevision.errors import BadInput, CannotWrite, OutputExists, UsageError
from edgevision.files import require_file, write_bytes, write_text

from .. import run_config
from ..commands.run import run as run_command
from .manager import require_package
from .unit import CONFIG, GROUPS, MODEL, PYTHON, STATE, UNIT, WANTED, UnitPlan, hidden, unit_text

WRITTEN = ("summary", "contact_sheet", "collect", "state")
"""Options of the loop that name what it writes."""
ENDS = ("limit",)
"""Options that end the loop: it would be no service."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LIB = PurePosixPath("/usr/lib")
_LIBRARY = re.compile(r"libsystemd-shared-(\d+)\b.*\.so")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for."""

    model: Path | None = None
    """None: what the configuration names, else the newest converted one, else the one that comes along."""
    camera: str | None = None
    config: Path | None = None
    """A file of ``run --save-config``; None: the one that is installed, else all defaults."""
    user: str | None = None
    python: Path | None = None
    root: Path = Path("/")
    runs: Path = Path("runs")
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Installation:
    """All files of a service, not yet written."""

    unit: str
    config: str | None
    """None: the one that is there stays."""
    model: Path | None
    """The file to copy; None: it is where it belongs."""
    root: Path

    def write(self) -> list[Path]:
        """Puts everything in place, the unit last; the paths. Raises CannotWrite."""
        written = []
        if self.model is not None:
            written.append(place(self.root, MODEL))
            write_bytes(written[-1], self.model.read_bytes())
        if self.config is not None:
            written.append(place(self.root, CONFIG))
            write_text(written[-1], self.config)
        for path in written:
            path.chmod(0o644)  # the service is another user than the one who installs
            path.parent.chmod(0o755)
        written.append(place(self.root, UNIT))
        write_text(written[-1], self.unit)
        written[-1].chmod(0o644)
        return written


def prepare(wish: Wish) -> Installation:
    """Checks everything before anything is written. Raises EdgeVisionError."""
    config, copy = place(wish.root, CONFIG), place(wish.root, MODEL)
    keep = config.exists() and wish.config is None and wish.model is None and wish.camera is None
    if config.exists() and not keep and not wish.overwrite:
        raise OutputExists(f"{config} exists; --overwrite changes it, and without MODEL and options it stays as it is")
    given = _options(wish)
    check_config(given, wish.config or config)
    model = _model(wish, given)
    python = _python(wish)
    plan = UnitPlan(
        python=python,
        groups=_groups(wish.root),
        user=_user(wish),
        visible=_visible(python, wish.root),
        network=networked(given),
        systemd=_systemd_version(wish.root),
    )
    # Both as they lie here: what is relative stays so, and right wherever the root is mounted.
    text = None if keep else run_config.dumps(run_command, given | {"model": Path(os.path.relpath(copy))}, config)
    moved = keep or (copy.exists() and model.samefile(copy))
    return Installation(unit_text(plan), text, None if moved else model, wish.root)


def place(root: Path, path: PurePosixPath) -> Path:
    """Where a path of the device is, seen from here."""
    return root / path.relative_to("/")


def enable(root: Path) -> Path:
    """Lets the service start with the machine whose root this is, without its systemd. Raises CannotWrite."""
    link = place(root, WANTED)
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(Path(os.path.relpath(UNIT, WANTED.parent)))
    except OSError as error:
        raise CannotWrite(f"cannot write {link}: {error.strerror or error}") from None
    return link


def remove(root: Path, purge: bool) -> list[Path]:
    """Takes the unit away, and with ``purge`` the configuration and the model; what was there. Raises CannotWrite."""
    wanted = [WANTED, UNIT, *((CONFIG, MODEL) if purge else ())]
    gone = []
    for path in (place(root, one) for one in wanted):
        if path.exists() or path.is_symlink():
            try:
                path.unlink()
            except OSError as error:
                raise CannotWrite(f"cannot remove {path}: {error.strerror or error}") from None
            gone.append(path)
    return gone


def _options(wish: Wish) -> dict[str, Any]:
    """The loop's options: of the file that was given, else of the installed one; the command line wins."""
    installed = place(wish.root, CONFIG)
    source = wish.config or (installed if installed.exists() else None)
    found = {} if source is None else run_config.read(source, run_command, click.Context(run_command))
    if wish.camera is not None:
        found["camera"] = wish.camera
        found.pop("source", None)
    if wish.model is not None:
        found["model"] = wish.model
    return found


def _model(wish: Wish, given: dict[str, Any]) -> Path:
    """The model's file, read once: one that cannot be opened is found here and not at the next start."""
    from edgevision.runs import newest

    path = Path(given.get("model") or newest(wish.runs, "convert-*/*.tflite") or ready.path())
    if path.is_absolute() and not path.exists():  # what an installed configuration names is seen from its own root
        there = place(wish.root, PurePosixPath(path))
        path = there if there.exists() else path
    modelfile.read(require_file(path, "model")).effective_card()
    return path


def _python(wish: Wish) -> PurePosixPath:
    """The Python that has edgevision: this one, or that of another root."""
    if wish.python is not None:
        python = PurePosixPath(wish.python)
    elif wish.root == Path("/"):
        python = PurePosixPath(sys.executable)
    else:
        python = PYTHON
    if not python.is_absolute():
        raise UsageError(f"--python takes an absolute path on the device, not {wish.python}")
    if wish.root == Path("/"):
        if not Path(python).exists():
            raise BadInput(f"there is no Python at {python}")
        require_package(str(python))
    return python


def _visible(python: PurePosixPath, root: Path) -> tuple[PurePosixPath, ...]:
    """Folders that the service would not see: of a virtual environment or a checkout in somebody's home."""
    if root != Path("/"):
        return (python.parent.parent,) if hidden(python) else ()
    here = Path(__file__).resolve()
    checkout = here.parents[2]  # device/systemd/install.py in a checkout; within site-packages it is below the prefix
    folders = {Path(sys.prefix), Path(sys.base_prefix), checkout}
    # A link into or out of a home must work from both ends.
    found = sorted({PurePosixPath(path) for folder in folders for path in (folder, folder.resolve())})
    kept = [
        one for one in found if hidden(one) and not any(one != other and one.is_relative_to(other) for other in found)
    ]
    for one in kept:
        if not Path(one).stat().st_mode & 0o005 == 0o005:
            raise BadInput(f"the service's user may not read {one}; let others: chmod o+rX {one}, or install in /opt")
    return tuple(kept)


def _user(wish: Wish) -> str | None:
    if wish.user is not None and wish.user not in _names(wish.root, "/etc/passwd"):
        raise BadInput(f"there is no user {wish.user!r}; make one, or leave --user out: systemd then makes its own")
    return wish.user


def _groups(root: Path) -> tuple[str, ...]:
    known = _names(root, "/etc/group")
    return tuple(name for name in GROUPS if name in known)


def _names(root: Path, file: str) -> set[str]:
    """Of the users or groups of a machine."""
    try:
        text = place(root, PurePosixPath(file)).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return {line.partition(":")[0] for line in text.splitlines()}


def _systemd_version(root: Path) -> int:
    """By the name of its library, which needs nothing to be run; 252 (the oldest that is known to do) otherwise."""
    names = [path.name for pattern in ("systemd", "*/systemd") for path in place(root, _LIB).glob(f"{pattern}/*.so")]
    found = [int(match[1]) for name in names if (match := _LIBRARY.fullmatch(name))]
    return max(found, default=252)


def networked(given: Mapping[str, Any]) -> bool:
    """Whether a loop with these options reaches other machines."""
    return any(_URL.match(str(value)) for value in given.values())


def check_config(given: dict[str, Any], source: Path | None) -> None:
    """Refuses what a service may not do. ``source``: the file, for the message. Raises BadInput."""
    for name, value in given.items():
        wrong = unfit(name, value)
        if wrong is not None:
            raise BadInput(f"{source}: {wrong}" if source else wrong)


def unfit(name: str, value: Any) -> str | None:
    """What speaks against an option of the loop in a service: what the loop would write must be where the service may,
    what it reads must not be hidden from it, and nothing may end it."""
    if value is None:
        return None
    if name in ENDS:
        return f"{name} = {value} would end the service; take it out"
    if name in WRITTEN and not PurePosixPath(os.path.abspath(value)).is_relative_to(STATE):
        return f"{name} = {value}: the service may write below {STATE} only; give, for one, {STATE / name}"
    if name == "source" and run_config.names_file(str(value)) and hidden(PurePosixPath(os.path.abspath(str(value)))):
        return f"source = {value}: the service does not see what is in somebody's home; move it to {STATE}"
    return None
