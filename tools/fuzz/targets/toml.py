"""TOML files that people write."""

from __future__ import annotations

from pathlib import Path

from edgevision.convert.training.config import config_file as training_file
from edgevision.device.flash.config import read as device_file
from edgevision.device.loop import config_file as run_file


def read_run(data: bytes, folder: Path) -> None:
    """Read the settings of ``run --config``."""
    run_file.read(_written(data, folder / "run.toml"))


def read_device(data: bytes, folder: Path) -> None:
    """Read the settings of an SD card."""
    device_file.read(_written(data, folder / "device.toml"))


def read_training(data: bytes, folder: Path) -> None:
    """Read the settings of ``train --config``."""
    training_file.read(_written(data, folder / "config.toml"))


def _written(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path
