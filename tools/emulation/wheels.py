"""Sets of wheels for another machine's Python, installed from the host without emulation."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from .host import REPO, CannotRun, run, say

GLIBC = ("2014", "_2_17", "_2_27", "_2_28", "_2_31", "_2_34")
"""manylinux tags supported by Debian 12 and later."""


@dataclass(frozen=True, slots=True)
class WheelSet:
    """The wheels of one folder on the import path."""

    name: str
    python: str
    """Python version, such as 3.11."""
    machine: str
    """aarch64 or x86_64."""
    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    """Constraints files of the repository."""
    with_dependencies: bool = True
    left_out: tuple[str, ...] = ()
    """Packages removed after the installation, because the root has Debian's."""

    @property
    def digest(self) -> str:
        """A hash that changes when the set must be installed again."""
        texts = [(REPO / path).read_text() for path in self.constraints]
        return hashlib.sha256("\n".join([repr(self), *texts]).encode()).hexdigest()


def install(wheels: WheelSet, root: Path) -> Path:
    """Install a set below /opt of the root and return its folder. Raises CannotRun."""
    target = root / "opt" / wheels.name
    stamp = root / "opt" / f".{wheels.name}"
    if target.is_dir() and stamp.exists() and stamp.read_text() == wheels.digest:
        return target
    say(f"installing the wheels {wheels.name} for {wheels.machine}")
    part = target.with_suffix(".part")
    for old in (part, target):
        shutil.rmtree(old, ignore_errors=True)
    command = [*pip("install"), "--only-binary=:all:", "--target", str(part), *_platform(wheels)]
    command += [argument for path in wheels.constraints for argument in ("-c", str(REPO / path))]
    command += [] if wheels.with_dependencies else ["--no-deps"]
    run([*command, *wheels.requirements], f"pip install of {wheels.name}")
    for name in wheels.left_out:
        for found in part.glob(f"{name}*"):
            shutil.rmtree(found)
    part.rename(target)
    stamp.write_text(wheels.digest)
    return target


def install_project(root: Path) -> Path:
    """Build edgevision's wheel from the working tree and unpack it in /opt/edgevision. Raises CannotRun."""
    target = root / "opt" / "edgevision"
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source"
        source.mkdir()
        for name in ("edgevision", "convert", "device"):
            shutil.copytree(REPO / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy2(REPO / name, source)
        run([*pip("wheel"), "--no-deps", "--wheel-dir", scratch, str(source)], "building edgevision's wheel")
        with zipfile.ZipFile(next(Path(scratch).glob("edgevision-*.whl"))) as wheel:
            wheel.extractall(target)
    launcher = root / "usr" / "local" / "bin" / "edgevision"
    launcher.parent.mkdir(parents=True, exist_ok=True)
    launcher.write_text('#!/bin/sh\nexec python3 -m edgevision "$@"\n')
    launcher.chmod(0o755)
    return target


def take_source(requirement: str, folder: str, target: Path) -> None:
    """Copy a pure-Python folder from a source distribution that has no wheel. Raises CannotRun."""
    if (target / Path(folder).name).is_dir():
        return
    with tempfile.TemporaryDirectory() as scratch:
        run([*pip("download"), "--no-deps", "--no-binary", ":all:", "-d", scratch, requirement], f"pip {requirement}")
        archive = next(Path(scratch).glob("*.tar.gz"))
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        found = next((place for place in Path(scratch).glob(f"*/{folder}") if place.is_dir()), None)
        if found is None:
            raise CannotRun(f"the source distribution of {requirement} has no folder {folder}")
        shutil.copytree(found, target / found.name)


def pip(action: str) -> list[str]:
    """Return the start of a quiet, non-interactive pip command. Raises CannotRun."""
    probe = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if probe.returncode:
        raise CannotRun(f"{sys.executable} has no pip; run: make setup")
    return [sys.executable, "-m", "pip", action, "-q", "--no-input", "--disable-pip-version-check"]


def _platform(wheels: WheelSet) -> list[str]:
    tags = [f"--platform=manylinux{tag}_{wheels.machine}" for tag in GLIBC]
    return [*tags, f"--python-version={wheels.python}", "--implementation=cp"]
