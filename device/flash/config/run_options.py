"""[camera] and [run] of device.toml: the options of ``edgevision run`` that a service on a device may use."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput, UnknownName
from edgevision.files.toml import TomlFile
from edgevision.reporting.terminal import printable

from ...cameras.registry import check_camera, check_source
from ...loop import config_file
from ...loop.options import CAMERA, SETTINGS
from ...outputs.credentials import input_files
from ...outputs.registry import find
from ...service.fitness import unfit
from ...service.output_access import unfit_output
from ...tracking.shapes import named

if TYPE_CHECKING:
    from ...outputs.config import OutputConfig

REFUSED = {
    "model": "the model is part of the bundle; pass it to edgevision bundle",
    "runs": "the model is part of the bundle, so runs is not used; remove it",
    "limit": "limit would end the service; remove it",
}
OUTPUTS = "outputs"
"""Setting that is a list of tables, [[outputs]], and not in a section."""
_ALLOWED = [one for one in config_file.KEPT.values() if one.key not in REFUSED]
SECTIONS = {
    "camera": [one for one in _ALLOWED if one.group == CAMERA.group],
    "run": [one for one in _ALLOWED if one.group != CAMERA.group and one.name != OUTPUTS],
}
PIPES = ("-", "raw:")


def known() -> dict[str, tuple[str, ...]]:
    """Return section -> its keys."""
    return {section: tuple(one.key for one in settings) for section, settings in SECTIONS.items()}


def former() -> dict[str, tuple[str, ...]]:
    """Return section -> former names of its keys."""
    return {section: tuple(old for one in settings for old in one.old_names) for section, settings in SECTIONS.items()}


def read_options(file: TomlFile) -> dict[str, Any]:
    """Return field name -> value. Raises BadInput with file and line."""
    found: dict[str, Any] = {}
    for section in SECTIONS:
        where = partial(file.where, section)
        for name, value in config_file.checked(file.values.get(section, {}), where).items():
            wrong = _unfit(name, value)
            if wrong is not None:
                raise BadInput(f"{where(SETTINGS[name].key)}: {printable(wrong)}")
            found[name] = value
    for name, what in (("count_lines", "line"), ("zones", "zone")):
        try:
            named(found.get(name, ()), what)
        except BadInput as error:
            raise BadInput(f"{file.where('run', name)}: {error}") from None
    found |= _read_outputs(file)
    if found.get("camera") is not None and found.get("source") is not None:
        raise BadInput(f"{file.where('camera', 'source')}: both camera and source are set; keep only one of them")
    return found


def _read_outputs(file: TomlFile) -> dict[str, Any]:
    """Return the tables [[outputs]], if there are any. Raises BadInput with file and line."""
    if OUTPUTS not in file.values:
        return {}
    found = config_file.checked({OUTPUTS: file.values[OUTPUTS]}, file.where)
    for place, one in enumerate(found[OUTPUTS]):
        wrong = _unfit_output(one)
        if wrong is not None:
            raise BadInput(f"{file.where(OUTPUTS, place)}: {printable(wrong)}")
    return found


def _unfit_output(config: OutputConfig) -> str | None:
    paths = [*find(config.kind).needs(config).writes, *map(str, input_files(config))]
    relative = next((path for path in paths if not PurePosixPath(path).is_absolute()), None)
    if relative is not None:
        return f"output {find(config.kind).shown(config)}: use the absolute path on the device instead of {relative}"
    return unfit_output(config)


def check_place(name: str, text: str) -> str:
    """Return a camera or source of valid form. Raises BadInput, UnknownName."""
    if text.startswith(PIPES):
        raise BadInput(f"{name} = {text}: a service has no standard input; use a camera, URL or file")
    return check_camera(text) if name == "camera" else check_source(text)


def _unfit(name: str, value: Any) -> str | None:
    """Return why a value is not suitable for an unattended device; None if it is."""
    text = str(value)
    if not text.isprintable():
        return f"{name} contains a control character"
    if name in config_file.PLACES:
        try:
            check_place(name, text)
        except (BadInput, UnknownName) as error:
            return str(error)
    if config_file.is_path(name, value) and not PurePosixPath(text).is_absolute():
        return f"{name} = {text}: use the absolute path on the device, starting with /"
    return unfit(name, value)
