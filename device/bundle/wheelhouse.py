"""Collect the library wheels for a device's Python and processor; pip can select them on any machine."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from edgevision import children
from edgevision.errors import BadInput, EdgeVisionError, MissingDependency
from edgevision.log import Log

from .target import Target

log = Log("edgevision.bundle")
PIP_TIMEOUT_S = 3600


def collect(target: Target, folder: Path, source: Path | None = None, extras: Sequence[str] = ()) -> list[Path]:
    """Download the wheels into ``folder``; with ``source``, use only that folder. Raises EdgeVisionError.

    ``extras``: extras of edgevision whose libraries are needed as well.
    """
    command = [sys.executable, "-P", "-m", "pip", "download", "-q", "--no-input", "--disable-pip-version-check"]
    command += [*target.pip_options(), "--dest", str(folder)]
    if target.constraints is not None:
        command += ["--constraint", str(target.constraints)]
    if source is not None:
        if not source.is_dir():
            raise BadInput(f"--wheels: not a folder: {source}; give a folder that holds wheels")
        command += ["--no-index", f"--find-links={source}"]
    _pip([*command, "pip", *requirements(), *requirements_of(extras)], target, source)
    found = sorted(folder.glob("*.whl"))
    _check(found)
    log.info("%d libraries from %s", len(found), source or "the package index")
    for wheel in found:
        log.debug("library %s (%.1f MB)", wheel.name, wheel.stat().st_size / 1e6)
    return found


def requirements() -> list[str]:
    """Return the requirements of edgevision on a 64-bit device; pip would evaluate the markers for the host."""
    try:
        wanted = metadata.requires("edgevision") or []
    except metadata.PackageNotFoundError:
        raise MissingDependency("edgevision is not installed as a package; run: pip install edgevision") from None
    found = []
    for one in wanted:
        name, _, condition = one.partition(";")
        if not condition or "aarch64" in condition:
            found.append(name.strip())
    return found


def requirements_of(extras: Sequence[str]) -> list[str]:
    """Return the requirements of extras of edgevision on a 64-bit device. Raises MissingDependency."""
    found = []
    for extra in extras:
        mine = [one for one in metadata.requires("edgevision") or [] if re.search(rf"extra == ['\"]{extra}['\"]", one)]
        if not mine:
            raise MissingDependency(
                f"this installation of edgevision does not know its extra {extra}; run: pip install -U 'edgevision[{extra}]'"
            )
        found += [one.partition(";")[0].strip() for one in mine]
    return found


def distribution(wheel: Path) -> str:
    """Return the distribution name in a wheel's file name, normalized as pip does."""
    return wheel.name.partition("-")[0].lower().replace("_", "-").replace(".", "-")


def _pip(command: list[str], target: Target, source: Path | None) -> None:
    log.debug("running pip %s", " ".join(command[4:]))
    try:
        done = children.run(command, PIP_TIMEOUT_S, text=True)
    except subprocess.TimeoutExpired:
        raise EdgeVisionError(f"pip did not finish within {PIP_TIMEOUT_S} s") from None
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if lines and lines[-1].endswith("No module named pip"):
        raise MissingDependency(
            f"{sys.executable} has no pip, which is needed to collect wheels; run: python -m ensurepip"
        )
    # The last ERROR line names the missing package; earlier ones report attempts.
    reason = next((line for line in reversed(lines) if line.startswith("ERROR:")), lines[-1] if lines else "?")
    where = f"in {source}" if source else "from the package index (offline, use a folder of wheels: --wheels DIR)"
    raise EdgeVisionError(f"cannot get the libraries for {target} {where}: {reason.removeprefix('ERROR: ')}")


def _check(wheels: list[Path]) -> None:
    names = [distribution(wheel) for wheel in wheels]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise EdgeVisionError(f"pip selected {', '.join(twice)} twice; this is a bug in edgevision, please report it")
