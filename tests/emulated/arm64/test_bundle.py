"""Installs a bundle for Raspberry Pi OS Bookworm, with its real libraries, in the userland and runs the loop from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import parse, parse_lines

from edgevision import default_model

from .userland import Userland


@pytest.fixture
def bare() -> Userland:
    """The userland without any package set: a bundle contains all it needs."""
    return Userland(Path(os.environ["EMULATED_ROOT"]), tuple(os.environ["EMULATED_COMMAND"].split("\n")), "none")


@pytest.fixture
def folder(bare: Userland) -> Iterator[Path]:
    """A temporary folder shared by host and root."""
    folder = bare.folder / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_bundle_is_installed_and_the_loop_runs_from_it(bare: Userland, folder: Path) -> None:
    bundle = folder / "default.tar.xz"
    make = [sys.executable, "-m", "edgevision", "bundle", default_model.path(), "--camera", "test:", "-o", bundle]
    subprocess.run(make, check=True, capture_output=True)
    subprocess.run(["tar", "xf", bundle, "-C", folder, "install.pyz"], check=True)
    inside = bare.inside(folder)
    options = ("--root", f"{inside}/root", "--status", f"{inside}/status.json")
    bare.run(f"{inside}/install.pyz", f"{inside}/default.tar.xz", *options)
    assert parse((folder / "status.json").read_text(), "install_status")["state"] == "ok"
    # In the root itself: the symlink and the environment's Python are only valid there.
    release = f"{inside}/root/opt/edgevision/current"
    python = f"{release}/venv/bin/python"
    command = [python, "-I", "-m", "edgevision", "run", "--config", f"{release}/run.toml", "--limit", "3", "--json"]
    code = f"import os; os.execv({python!r}, {command!r})"
    said = bare.run("-c", code)
    frames = parse_lines(said.stdout)
    assert len(frames) == 3
    assert all(frame["labels"] for frame in frames)
