"""Builds the wheel as pip does for a user."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from locations import ROOT

PIP = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]


def build_wheel(folder: Path) -> Path:
    """Build the wheel of the checkout in a folder and return its path; a copy is built, so that no old build is in the way."""
    source = folder / "source"
    for name in ("edgevision", "convert", "device"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([*PIP, "wheel", "--no-deps", "-w", str(folder), str(source)], check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("edgevision-*.whl")
    return wheel
