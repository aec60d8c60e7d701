"""Devices with metrics as a file for Prometheus (file_sd_config: a list of targets and labels)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgevision.errors import EdgeVisionError, OutputExists
from edgevision.files import strict_json
from edgevision.files.atomic import write_text
from edgevision.input_file import read_file

from .status import FleetStatus

LABEL = "edgevision_device"
MAX_BYTES = 2**24


def write_targets(found: FleetStatus, path: Path, partial: bool = False) -> list[str]:
    """Write the file, replacing the one before, and return the devices that are not in it.

    A device that cannot be asked now keeps the target that it had: that it is off is what Prometheus should notice. Raises
    OutputExists if the file holds something else, CannotWrite.

    ``partial``: not all devices of the inventory were asked; the others keep their targets, too.
    """
    before = _targets(path)
    targets = {one.host: one.metrics or (before.get(one.host) if one.device is None else None) for one in found.hosts}
    kept = {host: target for host, target in before.items() if host not in targets} if partial else {}
    all_targets = (*kept.items(), *targets.items())
    groups = [{"targets": [target], "labels": {LABEL: host}} for host, target in all_targets if target is not None]
    write_text(path, json.dumps(groups, indent=1) + "\n")
    return [host for host, target in targets.items() if target is None]


def _targets(path: Path) -> dict[str, str]:
    """Return device -> target of an earlier file. Raises OutputExists."""
    if not path.exists():
        return {}
    try:
        value = strict_json.loads(read_file(path, "target file", MAX_BYTES), str(path))
        return dict(_group(one) for one in strict_json.items(value, str(path), 100_000))
    except (EdgeVisionError, KeyError, TypeError, ValueError):
        raise OutputExists(
            f"{path} exists and is not a target file of edgevision fleet status; choose another --prometheus"
        ) from None


def _group(value: Any) -> tuple[str, str]:
    (target,) = value["targets"]
    return str(value["labels"][LABEL]), str(target)
