"""TOML files that people write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


def read_values(data: bytes, folder: Path) -> None:
    """Write a JSON object ``{"run" | "device" | "training": values}`` as TOML and read it; other inputs are ignored."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    for name, read in (("run", read_run), ("device", read_device), ("training", read_training)):
        values = value.get(name) if isinstance(value, dict) else None
        if isinstance(values, dict):
            read(_dumped(values).encode("utf-8", "replace"), folder)


def _dumped(values: dict[str, Any], above: str = "") -> str:
    """Return values as TOML: objects within objects as tables."""
    plain = [f"{_literal(key)} = {_literal(value)}" for key, value in values.items() if not isinstance(value, dict)]
    tables = {f"{above}{_literal(key)}": value for key, value in values.items() if isinstance(value, dict)}
    return "\n".join([*plain, *(f"[{name}]\n{_dumped(value, f'{name}.')}" for name, value in tables.items())])


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)} = {_literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "nan" if value is None else str(value).lower()


def _written(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path
