"""The loops of a machine, and what two of them cannot share: a camera, and a port to listen on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edgevision.errors import BadInput, EdgeVisionError
from edgevision.log import Log

from ..installer.base.inside import inside
from ..installer.base.regular_files import read_bytes
from ..installer.release.loop import UNITS, Loop, loop_of_unit
from ..loop import config_file
from ..loop.options import DEFAULT_CAMERA
from ..outputs.registry import find

log = Log("edgevision.service")
ANY = frozenset({"0.0.0.0", "::"})
"""Hosts that stand for all addresses of a machine."""
_CONFIG = re.compile(r"--config (\S+)")
_HANDED = "${CREDENTIALS_DIRECTORY}/"
_CSI = re.compile(r"(?:picamera|rpicam):(\d+)", re.IGNORECASE)
_NODE = re.compile(r"(?:v4l2:|/dev/video)(\d+)", re.IGNORECASE)
_LOCAL = re.compile(r"(?:picamera|rpicam|v4l2|usb):|/dev/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listening:
    """A port that a loop listens on."""

    what: str
    """The option, for messages."""
    host: str
    port: int

    def overlaps(self, other: Listening) -> bool:
        """Return whether both cannot listen at the same time."""
        mine, theirs = _host(self.host), _host(other.host)
        return self.port == other.port and (mine == theirs or bool({mine, theirs} & ANY))


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
        wrong = conflict(options, theirs, other)
        if wrong is not None:
            raise BadInput(wrong)


def conflict(mine: Mapping[str, Any], theirs: Mapping[str, Any], other: Loop) -> str | None:
    """Return what two loops cannot both have, in one line; None: they can run together."""
    if cameras(mine) & cameras(theirs):
        return f"camera {camera(mine)} is used by the loop {other.service}; choose another one with --camera"
    for here in listening(mine):
        there = next((one for one in listening(theirs) if here.overlaps(one)), None)
        if there is not None:
            return f"port {here.port} ({here.what}) is used by the loop {other.service} ({there.what}); choose another port"
    return None


def camera(options: Mapping[str, Any]) -> str:
    """Return the camera or source of a loop as the user wrote it."""
    return str(options.get("source") or options.get("camera") or DEFAULT_CAMERA)


def cameras(options: Mapping[str, Any]) -> frozenset[str]:
    """Return names of the device that a loop opens; empty for what several can read, such as a URL.

    Camera 0 is the first one of libcamera if there is one, so that it counts as picamera:0, too.
    """
    spec = camera(options)
    if spec.isdecimal():
        return frozenset({f"number {int(spec)}", f"csi {int(spec)}"})
    if found := _CSI.fullmatch(spec):
        return frozenset({f"csi {int(found[1])}"})
    if found := _NODE.fullmatch(spec):
        return frozenset({f"node {int(found[1])}"})
    return frozenset({spec}) if _LOCAL.match(spec) else frozenset()


def listening(options: Mapping[str, Any]) -> Iterator[Listening]:
    """Yield the ports that a loop listens on."""
    page = options.get("page")
    if page is not None and page.port:
        yield Listening("page", page.host, page.port)
    for one in options.get("outputs") or ():
        for host, port in find(one.kind).needs(one).listens:
            yield Listening(find(one.kind).shown(one), host, port)


def _host(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host


def _is_credential(line: str) -> bool:
    return line.startswith("LoadCredential=") and ":" in line


def _unit_files(root: Path, loop: Loop) -> list[Path]:
    """Return the unit and its drop-ins, in the order in which systemd reads them."""
    folder = inside(root, UNITS)
    return [folder / loop.unit, *sorted((folder / f"{loop.unit}.d").glob("*.conf"))]


def _text(path: Path) -> str:
    return read_bytes(path).decode("utf-8", "replace")
