"""[camera] and [run] of device.toml: options of ``edgevision run``, as far as a service on a device may have them."""

from __future__ import annotations

from functools import cache, partial
from pathlib import PurePosixPath
from typing import Any

import click

from edgevision.errors import BadInput, UnknownName
from edgevision.files.toml import TomlFile
from edgevision.reporting.terminal import printable

from ...cameras.registry import check_camera, check_source
from ...cli.run import GROUPS
from ...cli.run import run as run_command
from ...loop import config_file
from ...service.install import unfit

SECTIONS = ("camera", "run")
REFUSED = {
    "model": "the bundle brings the model; give it to edgevision bundle",
    "runs": "the bundle brings the model, so none is looked for",
    "limit": "limit would end the service; take it out",
}
PIPES = ("-", "raw:")


@cache
def known() -> dict[str, tuple[str, ...]]:
    """Section -> its keys."""
    options = {key: one.name for key, one in config_file.keys(run_command).items() if key not in REFUSED}
    seen = tuple(key for key, name in options.items() if name in GROUPS["Source"])
    return {"camera": seen, "run": tuple(key for key in options if key not in seen)}


def read_options(file: TomlFile) -> dict[str, Any]:
    """Parameter -> value. Raises BadInput with file and line."""
    parameters = config_file.keys(run_command)
    found: dict[str, Any] = {}
    for section in SECTIONS:
        where = partial(file.where, section)
        values = file.values.get(section, {})
        for key, value in config_file.checked(values, parameters, where, click.Context(run_command)).items():
            wrong = _unfit(parameters[key], value)
            if wrong is not None:
                raise BadInput(f"{where(key)}: {printable(wrong)}")
            found[parameters[key].name or key] = value
    if found.get("camera") is not None and found.get("source") is not None:
        raise BadInput(f"{file.where('camera', 'source')}: give camera or source, not both")
    return found


def check_place(name: str, text: str) -> str:
    """A camera or source by its form. Raises BadInput, UnknownName."""
    if text.startswith(PIPES):
        raise BadInput(f"{name} = {text}: a service has no standard input")
    return check_camera(text) if name == "camera" else check_source(text)


def _unfit(parameter: click.Parameter, value: Any) -> str | None:
    """What speaks against it on a device that nobody looks after."""
    name, text = parameter.name or "", str(value)
    if not text.isprintable():
        return f"{name} holds a control character"
    if name in config_file.PLACES:
        try:
            check_place(name, text)
        except (BadInput, UnknownName) as error:
            return str(error)
    if config_file.is_path(value, parameter) and not PurePosixPath(text).is_absolute():
        return f"{name} = {text}: write the whole path that it has on the device, beginning with /"
    return unfit(name, value)
