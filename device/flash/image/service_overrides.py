"""The device's own loop options, and the unit drop-in that makes the service use them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.files import toml

from ...bundle.build import RELEASE, unit_plan
from ...bundle.target import Target
from ...installer.archive.manifest import CONFIG as BUNDLED
from ...installer.archive.manifest import Manifest
from ...loop import config_file
from ...service.install import check_config, networked
from ...service.unit import CONFIG, drop_in_text
from ..config.records import DeviceConfig

RUN, SERVICE = "run.toml", "service.conf"
"""File names on the boot partition; the installer moves the files to their places."""


def extras(config: DeviceConfig, manifest: Manifest, run_toml: bytes) -> dict[str, bytes]:
    """Return name -> content for the boot partition; empty if the device has no options of its own.

    ``run_toml``: configuration of the bundle. Raises BadInput if a service cannot run with the merged options.
    """
    if not config.run:
        return {}
    bundled = _bundled(run_toml)
    both = config_file.merged([bundled, config.run])
    check_config(both, None)
    plan = unit_plan(Target(manifest.python, manifest.arch), networked(both), _holds_password(bundled))
    own = config_file.dumps(config.run, Path(CONFIG))
    return {RUN: own.encode(), SERVICE: drop_in_text(plan, CONFIG, _holds_password(config.run)).encode()}


def _holds_password(options: Mapping[str, Any]) -> bool:
    return config_file.holds_password(options.get("camera"), options.get("source"))


def _bundled(run_toml: bytes) -> dict[str, Any]:
    """Return the bundle's options. Raises BadInput."""
    try:
        text = run_toml.decode()
    except UnicodeDecodeError:
        raise BadInput(f"{BUNDLED} of the bundle is not a text file; build the bundle again") from None
    return config_file.options(toml.parse(text, Path(RELEASE / BUNDLED)))
