"""Boots the board once, with the working tree's edgevision and a model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.emulation.board import Board

REPO = Path(__file__).resolve().parents[3]
MODEL = "/srv/model/colours.tflite"
NAMES = ("DISK", "KERNEL", "INITRD", "KEY", "LOG", "PROJECT", "OUTPUTS")


@pytest.fixture(scope="session")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A running board with a camera, as prepared by ``python -m tools.emulation v4l2``."""
    files = {name: Path(os.environ[f"BOARD_{name}"]) for name in NAMES}
    board = Board(files["DISK"], files["KERNEL"], files["INITRD"], files["KEY"], files["LOG"])
    try:
        board.wait()
        board.push(files["PROJECT"], "/opt/edgevision")
        board.push(files["OUTPUTS"], "/opt/outputs")
        folder = tmp_path_factory.mktemp("model")
        shutil.copy2(REPO / "tests" / "data" / "tiny.tflite", folder / "bare.tflite")
        (folder / "labels.txt").write_text("red\ngreen\nblue\n")
        board.push(folder, "/srv/model")
        board.run(f"cd /srv/model && edgevision card bare.tflite --resize stretch --labels labels.txt -o {MODEL}")
        board.run("modprobe vivid n_devs=1 && udevadm settle")
        yield board
    finally:
        board.close()
