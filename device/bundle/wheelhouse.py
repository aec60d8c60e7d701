"""All libraries that a device needs, as wheels for its Python and processor, chosen by pip on any machine."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

from edgevision.errors import BadInput, EdgeVisionError, MissingDependency

from .target import Target

PIP_TIMEOUT_S = 3600


def collect(target: Target, folder: Path, source: Path | None = None) -> list[Path]:
    """Downloads into ``folder``; with ``source``, takes them from that folder alone. Raises EdgeVisionError."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-input", "--disable-pip-version-check"]
    command += [*target.pip_options(), "--dest", str(folder)]
    if target.constraints is not None:
        command += ["--constraint", str(target.constraints)]
    if source is not None:
        if not source.is_dir():
            raise BadInput(f"--wheels takes a folder with wheels, and {source} is none")
        command += ["--no-index", f"--find-links={source}"]
    _pip([*command, "pip", *requirements()], target, source)
    found = sorted(folder.glob("*.whl"))
    _check(found)
    return found


def requirements() -> list[str]:
    """What edgevision itself asks for on a 64-bit device: pip would read the conditions as of the host."""
    try:
        wanted = metadata.requires("edgevision") or []
    except metadata.PackageNotFoundError:
        raise MissingDependency("edgevision is not installed here as a package: pip install edgevision") from None
    found = []
    for one in wanted:
        name, _, condition = one.partition(";")
        if not condition or "aarch64" in condition:
            found.append(name.strip())
    return found


def distribution(wheel: Path) -> str:
    """The name in a wheel's file name, as pip compares names."""
    return wheel.name.partition("-")[0].lower().replace("_", "-").replace(".", "-")


def _pip(command: list[str], target: Target, source: Path | None) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise EdgeVisionError(f"pip did not end within {PIP_TIMEOUT_S} s") from None
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if lines and lines[-1].endswith("No module named pip"):
        raise MissingDependency(f"{sys.executable} has no pip, which chooses the libraries: python -m ensurepip")
    # The last one says what could not be had; those before tell of attempts.
    reason = next((line for line in reversed(lines) if line.startswith("ERROR:")), lines[-1] if lines else "?")
    where = f"in {source}" if source else "from the package index; offline, give a folder of wheels: --wheels DIR"
    raise EdgeVisionError(f"cannot get the libraries for {target} {where}: {reason.removeprefix('ERROR: ')}")


def _check(wheels: list[Path]) -> None:
    names = [distribution(wheel) for wheel in wheels]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise EdgeVisionError(f"pip chose {', '.join(twice)} twice; this is a fault of edgevision")
