"""The device's own loop options, and the unit drop-in that makes the service use them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.files import toml

from ...bundle.build import RELEASE, unit_plan
from ...bundle.target import Target
from ...bundle.wheelhouse import distribution, requirements_of
from ...installer.archive.manifest import CONFIG as BUNDLED
from ...installer.archive.manifest import Manifest
from ...loop import config_file
from ...outputs.registry import extras_of, find
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
    bundled = _bundled(run_toml)
    both = config_file.merged([bundled, config.run])
    check_config(both, None)
    _require_libraries(both, manifest)
    plan = unit_plan(Target(manifest.python, manifest.arch), access_of(both), config_file.holds_secret(bundled))
    own = config_file.dumps(config.run, Path(CONFIG))
    return {RUN: own.encode(), SERVICE: drop_in_text(plan, CONFIG, config_file.holds_secret(config.run)).encode()}


def _require_libraries(options: Mapping[str, Any], manifest: Manifest) -> None:
    """Raise BadInput if the bundle lacks a library of an output: nothing is downloaded on the device."""
    there = {distribution(Path(name)) for name in manifest.wheels}
    users = [(extras_of([one]), f"output {find(one.kind).shown(one)}") for one in options.get("outputs") or ()]
    for extras_needed, user in [*users, *([(("web",), "the page")] if options.get("page") else [])]:
        for extra in extras_needed:
            names = [re.split(r"[<>=!~\[ ;]", wanted)[0].lower() for wanted in requirements_of([extra])]
            lacking = [name for name in names if name.replace("_", "-").replace(".", "-") not in there]
            if lacking:
                raise BadInput(
                    f"{user} needs {lacking[0]}, which is not in the bundle; build the bundle with a --config that has it"
                )


def _bundled(run_toml: bytes) -> dict[str, Any]:
    """Return the bundle's options. Raises BadInput."""
    try:
        text = run_toml.decode()
    except UnicodeDecodeError:
        raise BadInput(f"{BUNDLED} of the bundle is not a text file; build the bundle again") from None
    return config_file.options(toml.parse(text, Path(RELEASE / BUNDLED)))
