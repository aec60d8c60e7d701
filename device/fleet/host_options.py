"""Options of one device in an inventory: edgevision_camera and edgevision_options, as in a device.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.files.toml import TomlFile

from ..flash.config import run_options
from ..flash.config.section import check_keys

VARIABLE = "edgevision_options"


@dataclass(frozen=True)
class InventoryOptions(TomlFile):
    """The same values from an inventory, whose lines are not known."""

    def where(self, *key: str | int) -> str:
        """Return the device and the key."""
        return f"{self.path}: {'.'.join(map(str, key))}" if key else str(self.path)


def host_options(host: str, camera: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return field name -> value of a device's own options, checked as those of a device.toml. Raises BadInput.

    ``camera``: edgevision_camera; empty: not given. ``options``: edgevision_options.
    """
    values = {str(name): value for name, value in options.items()}
    if camera:
        section = values.get("camera", {})
        if not isinstance(section, dict) or {"camera", "source"} & section.keys():
            raise BadInput(f"{host}: both edgevision_camera and a camera in {VARIABLE} are set; keep only one of them")
        values["camera"] = {**section, "camera": camera}
    file = InventoryOptions(Path(f"{VARIABLE} of {host}"), "", values)
    refused = {(section, key): why for section in run_options.SECTIONS for key, why in run_options.REFUSED.items()}
    check_keys(file, run_options.known(), refused, run_options.former())
    return run_options.read_options(file)
