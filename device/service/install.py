"""Install the service (unit file, configuration, model) on this machine or into another root file system."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from edgevision import default_model
from edgevision.errors import BadInput, CannotWrite, OutputExists, UsageError
from edgevision.files.atomic import require_file, write_bytes, write_text
from edgevision.log import Log
from edgevision.model_file import model_file
from edgevision.model_file.derived_card import effective_card, portable
from edgevision.settings import RUNS

from ..installer.base.inside import inside
from ..installer.base.regular_files import read_bytes
from ..loop import config_file
from .access import Access
from .fitness import check_config
from .loops import require_no_conflict
from .output_access import access_of
from .places import UNNAMED_PLACES, Places, places_of
from .systemctl import require_package
from .unit import GROUPS, PYTHON, UnitPlan, hidden, unit_text
from .unit_values import program

log = Log("edgevision.service")
_LIB = PurePosixPath("/usr/lib")
_LIBRARY = re.compile(r"libsystemd-shared-(\d+)\b.*\.so")


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """The arguments of ``edgevision service install``."""

    model: Path | None = None
    """Model file; None: the one in the configuration, else the newest converted one, else the bundled default model."""
    camera: str | None = None
    config: Path | None = None
    """File written by ``run --save-config``; None: the installed configuration, else the defaults."""
    user: str | None = None
    python: Path | None = None
    root: Path = Path("/")
    runs: Path = RUNS.field()
    overwrite: bool = False
    name: str | None = None
    """Name of the loop, where a machine has several; None: the loop without a name."""

    @property
    def places(self) -> Places:
        """Where its files go. Raises UsageError for a name that no loop can have."""
        return places_of(self.name)


@dataclass(frozen=True, slots=True)
class Installation:
    """The files of a service, ready to be written."""

    unit: str
    config: str | None
    """Text of the configuration; None: keep the existing one."""
    model: Path | None
    """Model file to copy; None: it is in place already."""
    root: Path
    second: Path | None = None
    """File of the second model to copy; None: there is none, or it is in place already."""
    secret: bool = False
    """Whether the configuration holds a password or a token: then only root can read it."""
    places: Places = UNNAMED_PLACES

    def write(self) -> list[Path]:
        """Write all files, the unit last, and return their paths. Raises CannotWrite."""
        written = []
        for source, target in ((self.model, self.places.model), (self.second, self.places.second_model)):
            if source is not None:
                written.append(place(self.root, target, follow=False))
                write_bytes(written[-1], portable(source))
        if self.config is not None:
            written.append(place(self.root, self.places.config, follow=False))
            write_text(written[-1], self.config, private=self.secret)
        for path in written:
            private = self.secret and path.name == self.places.config.name
            path.chmod(0o600 if private else 0o644)  # the service runs as a different user
            for folder in self._folders(path):
                folder.chmod(0o755)
        written.append(place(self.root, self.places.unit, follow=False))
        write_text(written[-1], self.unit)
        written[-1].chmod(0o644)
        return written

    def _folders(self, path: Path) -> list[Path]:
        """Return the folders that the service passes through to a file, below /etc/edgevision."""
        depth = len(self.places.config.parent.relative_to("/etc").parts)
        return list(path.parents)[:depth]


def prepare(wish: ServiceOptions) -> Installation:
    """Validate the request and return the files to write. Writes nothing. Raises EdgeVisionError."""
    places = wish.places
    config, copy = place(wish.root, places.config), place(wish.root, places.model)
    keep = config.exists() and wish.config is None and wish.model is None and wish.camera is None
    if config.exists() and not keep and not wish.overwrite:
        raise OutputExists(
            f"{config} exists; give --overwrite to change it, or leave out MODEL and the options to keep it"
        )
    if config.exists() and not config.is_file():
        raise BadInput(f"{config} is not a regular file; remove it")
    given = _options(wish)
    check_config(given, wish.config or config, places.state)
    require_no_conflict(wish.root, places.loop, given)
    model, second = _model(wish, given), _second_model(wish, given)
    python = _python(wish)
    plan = UnitPlan(
        python=python,
        groups=_groups(wish.root),
        user=_user(wish),
        visible=_visible(python, wish.root),
        access=_existing(access_of(given), wish.root),
        systemd=_systemd_version(wish.root),
        secret=config_file.holds_secret(given),
        config=places.config,
        loop=places.loop,
    )
    text: str | None = None
    if plan.secret:  # also a kept one, which may have been edited: it is written again, for root only
        # It is read from a copy elsewhere, so that its model has an absolute path.
        models = {"model": _on_device(model, wish.root) if keep else Path(places.model)}
        if second is not None:
            models["then"] = _on_device(second, wish.root) if keep else Path(places.second_model)
        text = config_file.dumps(given | models, config)
    elif not keep:
        # Both paths as seen from here: relative paths stay relative, and valid wherever the root is mounted.
        models = {"model": Path(os.path.relpath(copy))}
        if second is not None:
            models["then"] = Path(os.path.relpath(place(wish.root, places.second_model)))
        text = config_file.dumps(given | models, config)
    log.info("%s: %s", config, "kept" if text is None else "new, from the options")
    log.info("model %s, Python %s, systemd %d, user %s", model, python, plan.systemd, plan.user or "made by systemd")
    copied = [
        None if keep or _is_there(one, place(wish.root, at)) else one
        for one, at in ((model, places.model), (second, places.second_model))
    ]
    return Installation(unit_text(plan), text, copied[0], wish.root, copied[1], plan.secret, places)


def _is_there(model: Path | None, copy: Path) -> bool:
    return model is not None and copy.exists() and model.samefile(copy)


def _on_device(path: Path, root: Path) -> Path:
    """Return the absolute path that a file below a root has on its device."""
    there = path.resolve()
    return "/" / there.relative_to(root.resolve()) if there.is_relative_to(root.resolve()) else there


def place(root: Path, path: PurePosixPath, follow: bool = True) -> Path:
    """Return where an absolute path of the device is on this machine; links of the device do not lead out of its root.

    ``follow``: whether to follow a link at the end, to read; what is written or removed takes the link's place.
    """
    try:
        return inside(root, path, follow)
    except OSError as error:
        raise BadInput(f"{root / path.relative_to('/')}: {error.strerror or error}") from None


def enable(root: Path, places: Places = UNNAMED_PLACES) -> Path:
    """Enable the service in a root file system without running its systemd. Return the link. Raises CannotWrite."""
    link = place(root, places.wanted, follow=False)
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(Path(os.path.relpath(places.unit, places.wanted.parent)))
    except OSError as error:
        raise CannotWrite(f"cannot write {link}: {error.strerror or error}") from None
    return link


def remove(root: Path, purge: bool, places: Places = UNNAMED_PLACES) -> list[Path]:
    """Remove the unit and, with ``purge``, the configuration and the model. Return the removed paths. Raises CannotWrite."""
    wanted = [
        places.wanted,
        places.unit,
        *((places.config, places.model, places.second_model) if purge else ()),
    ]
    gone = []
    for path in (place(root, one, follow=False) for one in wanted):
        if path.exists() or path.is_symlink():
            try:
                path.unlink()
            except OSError as error:
                raise CannotWrite(f"cannot remove {path}: {error.strerror or error}") from None
            gone.append(path)
    if purge and places.loop.name is not None:
        for folder in list(place(root, places.config).parents)[:2]:
            with suppress(OSError):  # not empty, or missing
                folder.rmdir()
    return gone


def _options(wish: ServiceOptions) -> dict[str, Any]:
    """Return the loop's options from the given file or else the installed one, overridden by the command line."""
    installed = place(wish.root, wish.places.config)
    source = wish.config or (installed if installed.exists() else None)
    found = {} if source is None else config_file.read(source)
    if wish.camera is not None:
        found["camera"] = wish.camera
        found.pop("source", None)
    if wish.model is not None:
        found["model"] = wish.model
    return found


def _model(wish: ServiceOptions, given: dict[str, Any]) -> Path:
    """Return the model's path. Reads the file, so that an invalid one is rejected here and not at the next start."""
    from edgevision.files.run_folder import newest

    return _checked(wish, Path(given.get("model") or newest(wish.runs, "convert-*/*.tflite") or default_model.path()))


def _second_model(wish: ServiceOptions, given: dict[str, Any]) -> Path | None:
    """Return the path of the second model; None without one."""
    return _checked(wish, Path(given["then"])) if given.get("then") else None


def _checked(wish: ServiceOptions, path: Path) -> Path:
    """Return where a model file is on this machine. Raises MissingFile, BadModel."""
    if path.is_absolute() and not path.exists():  # paths in an installed configuration are relative to its own root
        there = place(wish.root, PurePosixPath(path))
        path = there if there.exists() else path
    effective_card(model_file.read(require_file(path, "model")))
    return path


def _python(wish: ServiceOptions) -> PurePosixPath:
    """Return the Python that edgevision is installed in: this one, or that of another root file system."""
    if wish.python is not None:
        python = PurePosixPath(wish.python)
    elif wish.root == Path("/"):
        python = PurePosixPath(sys.executable)
    else:
        python = PYTHON
    if not python.is_absolute():
        raise UsageError(f"--python must be an absolute path on the device, got {wish.python}")
    program(python, "--python")
    if wish.root == Path("/"):
        if not Path(python).exists():
            raise BadInput(f"no Python found at {python}; give the path of an existing one with --python")
        require_package(str(python))
    return python


def _visible(python: PurePosixPath, root: Path) -> tuple[PurePosixPath, ...]:
    """Return the folders of edgevision and Python that the service could not see, such as one in a home directory."""
    if root != Path("/"):
        return (python.parent.parent,) if hidden(python) else ()
    here = Path(__file__).resolve()
    checkout = here.parents[2]  # in site-packages, this is below the prefix
    folders = {Path(sys.prefix), Path(sys.base_prefix), checkout}
    # Include both ends of links into or out of a home directory.
    found = sorted({PurePosixPath(path) for folder in folders for path in (folder, folder.resolve())})
    kept = [
        one for one in found if hidden(one) and not any(one != other and one.is_relative_to(other) for other in found)
    ]
    for one in kept:
        if not Path(one).stat().st_mode & 0o005 == 0o005:
            raise BadInput(f"the service's user cannot read {one}; run chmod o+rX {one}, or install edgevision in /opt")
    return tuple(kept)


def _user(wish: ServiceOptions) -> str | None:
    if wish.user is not None and wish.user not in _names(wish.root, "/etc/passwd"):
        raise BadInput(f"no user {wish.user!r} on the device; create it, or leave out --user to let systemd make one")
    return wish.user


def _groups(root: Path) -> tuple[str, ...]:
    known = _names(root, "/etc/group")
    return tuple(name for name in GROUPS if name in known)


def _existing(access: Access, root: Path) -> Access:
    """Return the access without groups that the machine lacks. Raises BadInput if it lacks a file that an output reads."""
    if root == Path("/"):
        for _, path in access.credentials:
            require_file(Path(path), "file that an output reads")
    known = _names(root, "/etc/group")
    return replace(access, groups=tuple(name for name in access.groups if name in known))


def _names(root: Path, file: str) -> set[str]:
    """Return the names in a machine's /etc/passwd or /etc/group."""
    try:
        text = read_bytes(place(root, PurePosixPath(file))).decode("utf-8", "replace")
    except OSError:
        return set()
    return {line.partition(":")[0] for line in text.splitlines()}


def _systemd_version(root: Path) -> int:
    """Return systemd's version from the name of its library, without running it; 252 (the oldest supported) if unknown."""
    names = [path.name for pattern in ("systemd", "*/systemd") for path in place(root, _LIB).glob(f"{pattern}/*.so")]
    found = [int(match[1]) for name in names if (match := _LIBRARY.fullmatch(name))]
    return max(found, default=252)
