"""Model and bundle for an emulated board's SD card, made with edgevision's commands as a user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from .host import CACHE, REPO, CannotRun, say

PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
"""Python version of each release."""


def edgevision(*arguments: str | Path, folder: Path | None = None, code: int | None = 0) -> str:
    """Run a command and return its stdout. Raises CannotRun if the exit code is not ``code``."""
    command = [sys.executable, "-m", "edgevision", *map(str, arguments)]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if code is not None and done.returncode != code:
        raise CannotRun(f"edgevision {arguments[0]} failed with exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def model(folder: Path) -> Path:
    """Make a small model that classifies three colors, so that the correct predictions are known."""
    shutil.copy2(REPO / "tests" / "data" / "tiny.tflite", folder / "bare.tflite")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    target = folder / "colors.tflite"
    edgevision("card", folder / "bare.tflite", "--resize", "stretch", "--labels", folder / "labels.txt", "-o", target)
    return target


def bundle(release: str, of: Path, folder: Path, key: Path | None = None) -> Path:
    """Make a bundle with cached libraries, signed if ``key`` is given. Raises CannotRun."""
    python = PYTHON[release]
    wheels = CACHE / "wheels" / f"pi-{python}"
    target = folder / f"{release}.tar.xz"
    signed = () if key is None else ("--sign", key)
    command = ("bundle", of, "--camera", "0", "--python", python, "--quiet", "-o", target, "--overwrite", *signed)
    if wheels.is_dir():
        try:
            edgevision(*command, "--wheels", wheels)
            return target
        except CannotRun:
            say(f"the cached wheels in {wheels.name} are outdated")
    say(f"downloading libraries for Python {python}")
    edgevision(*command)
    _keep(target, wheels)
    return target


def _keep(packed: Path, wheels: Path) -> None:
    """Cache all wheels of a bundle except edgevision's own."""
    part = wheels.with_suffix(".part")
    for old in (part, wheels):
        shutil.rmtree(old, ignore_errors=True)
    part.mkdir(parents=True)
    with tarfile.open(packed) as archive:
        for member in archive:
            name = Path(member.name).name
            source = archive.extractfile(member)
            if name.endswith(".whl") and not name.startswith("edgevision-") and source is not None:
                (part / name).write_bytes(source.read())
    part.rename(wheels)
