"""[camera] and [run] of device.toml: the options of ``edgevision run`` that a service on a device may use."""

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
    "model": "the model is part of the bundle; pass it to edgevision bundle",
    "runs": "the model is part of the bundle, so runs is not used; remove it",
    "limit": "limit would end the service; remove it",
}
PIPES = ("-", "raw:")


@cache
def known() -> dict[str, tuple[str, ...]]:
    """Return section -> its keys."""
    options = {key: one.name for key, one in config_file.keys(run_command).items() if key not in REFUSED}
    seen = tuple(key for key, name in options.items() if name in GROUPS["Source"])
    return {"camera": seen, "run": tuple(key for key in options if key not in seen)}


def read_options(file: TomlFile) -> dict[str, Any]:
    """Return parameter -> value. Raises BadInput with file and line."""
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
        raise BadInput(f"{file.where('camera', 'source')}: both camera and source are set; keep only one of them")
    return found


def check_place(name: str, text: str) -> str:
    """Return a camera or source of valid form. Raises BadInput, UnknownName."""
    if text.startswith(PIPES):
        raise BadInput(f"{name} = {text}: a service has no standard input; use a camera, URL or file")
    return check_camera(text) if name == "camera" else check_source(text)


def _unfit(parameter: click.Parameter, value: Any) -> str | None:
    """Return why a value is not suitable for an unattended device; None if it is."""
    name, text = parameter.name or "", str(value)
    if not text.isprintable():
        return f"{name} contains a control character"
    if name in config_file.PLACES:
        try:
            check_place(name, text)
        except (BadInput, UnknownName) as error:
            return str(error)
    if config_file.is_path(value, parameter) and not PurePosixPath(text).is_absolute():
        return f"{name} = {text}: use the absolute path on the device, starting with /"
    return unfit(name, value)
