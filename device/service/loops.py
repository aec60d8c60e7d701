"""The loops of a machine, what they start with, and what two of them cannot both have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from edgevision.errors import BadInput, EdgeVisionError
from edgevision.log import Log

from ..installer.base.conflicts import Claims, Listening
from ..installer.base.inside import inside
from ..installer.base.loop import UNITS, Loop, loop_of_unit
from ..installer.base.regular_files import read_bytes
from ..loop import config_file
from ..loop.options import DEFAULT_CAMERA
from ..outputs.registry import find

log = Log("edgevision.service")
_CONFIG = re.compile(r"--config (\S+)")
_HANDED = "${CREDENTIALS_DIRECTORY}/"


def installed_loops(root: Path) -> list[Loop]:
    """Return the loops that have a unit, the one without a name first."""
    try:
        folder = inside(root, UNITS)
        files = sorted(path.name for path in folder.iterdir() if path.is_file())
    except OSError:
        return []
    found = [loop for file in files if (loop := loop_of_unit(file)) is not None]
    return sorted(found, key=lambda loop: loop.name or "")


def options_of(root: Path, loop: Loop) -> dict[str, Any]:
    """Return the options that a loop starts with, from the files that its unit and its drop-ins name. Raises EdgeVisionError."""
    lines = [line for path in _unit_files(root, loop) for line in _text(path).splitlines()]
    starts = [line for line in lines if line.startswith("ExecStart=") and "--config" in line]
    if not starts:
        return {}
    handed = dict(line.removeprefix("LoadCredential=").split(":", 1) for line in lines if _is_credential(line))
    names = _CONFIG.findall(starts[-1])
    paths = [handed.get(name.removeprefix(_HANDED), "") if name.startswith(_HANDED) else name for name in names]
    return config_file.read_all([inside(root, PurePosixPath(path)) for path in paths])


def require_no_conflict(root: Path, loop: Loop, options: Mapping[str, Any]) -> None:
    """Refuse options that need what another loop of the machine has. Raises BadInput."""
    for other in installed_loops(root):
        if other == loop:
            continue
        try:
            theirs = options_of(root, other)
        except (EdgeVisionError, OSError) as error:  # it cannot run, or only root can read it
            log.info("%s: not compared: %s", other.unit, error)
            continue
        wrong = claims(options).conflict(claims(theirs), other.service)
        if wrong is not None:
            raise BadInput(wrong)


def claims(options: Mapping[str, Any]) -> Claims:
    """Return what a loop with these options needs for itself."""
    camera = str(options.get("source") or options.get("camera") or DEFAULT_CAMERA)
    return Claims(camera, tuple(_listening(options)))


def _listening(options: Mapping[str, Any]) -> Iterator[Listening]:
    page = options.get("page")
    if page is not None and page.port:
        yield Listening("page", page.host, page.port)
    for one in options.get("outputs") or ():
        for host, port in find(one.kind).needs(one).listens:
            yield Listening(find(one.kind).shown(one), host, port)


def _is_credential(line: str) -> bool:
    return line.startswith("LoadCredential=") and ":" in line


def _unit_files(root: Path, loop: Loop) -> list[Path]:
    """Return the unit and its drop-ins, in the order in which systemd reads them."""
    folder = inside(root, UNITS)
    return [folder / loop.unit, *sorted((folder / f"{loop.unit}.d").glob("*.conf"))]


def _text(path: Path) -> str:
    return read_bytes(path).decode("utf-8", "replace")
