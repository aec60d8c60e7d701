"""The device's own loop options, and the unit drop-in that makes the service use them."""

from __future__ import annotations

from pathlib import Path

from ...bundle.build import unit_plan
from ...bundle.bundled import bundled_options, require_libraries
from ...bundle.target import Target
from ...installer.archive.manifest import Manifest
from ...loop import config_file
from ...service.fitness import check_config
from ...service.output_access import access_of
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
    bundled = bundled_options(run_toml)
    both = config_file.merged([bundled, config.run])
    check_config(both, None)
    require_libraries(both, manifest)
    plan = unit_plan(Target(manifest.python, manifest.arch), access_of(both), config_file.holds_secret(bundled))
    own = config_file.dumps(config.run, Path(CONFIG))
    return {RUN: own.encode(), SERVICE: drop_in_text(plan, CONFIG, config_file.holds_secret(config.run)).encode()}
