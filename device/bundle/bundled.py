"""The configuration and the libraries that a finished bundle has, for those who change its configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.files import toml

from ..installer.archive.manifest import CONFIG, Manifest
from ..loop import config_file
from ..outputs.registry import extras_of, find
from .build import RELEASE
from .wheelhouse import distribution, requirements_of


def bundled_options(run_toml: bytes) -> dict[str, Any]:
    """Return the bundle's options of the loop. Raises BadInput."""
    try:
        text = run_toml.decode()
    except UnicodeDecodeError:
        raise BadInput(f"{CONFIG} of the bundle is not a text file; build the bundle again") from None
    return config_file.options(toml.parse(text, Path(RELEASE / CONFIG)))


def require_libraries(options: Mapping[str, Any], manifest: Manifest) -> None:
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
