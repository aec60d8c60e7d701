"""Checks of configured outputs for ``edgevision doctor``: whether each could work now, without sending anything."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edgevision.byte_sizes import format_bytes
from edgevision.errors import CannotWrite, EdgeVisionError, MissingDependency

from ..doctor.result import Check, Section
from .credentials import input_files
from .registry import find, require_libraries

if TYPE_CHECKING:
    from .config import OutputConfig

TIMEOUT_S = 3.0
"""Longest check of one output, in seconds."""
LITTLE_SPACE = 100_000_000
"""Free bytes below which a disk counts as full."""
PORTS = {"mqtt": 1883, "mqtts": 8883, "http": 80, "https": 443}
"""Usual port of each scheme."""


def section(configs: Sequence[OutputConfig], timeout_s: float = TIMEOUT_S) -> Section:
    """Return one check per output."""
    return Section("Outputs", tuple(_check(config, timeout_s) for config in configs))


def _check(config: OutputConfig, timeout_s: float) -> Check:
    name = f"output {find(config.kind).shown(config)}"
    try:
        require_libraries(config)
    except MissingDependency as error:
        found, _, fix = str(error).partition("; install it with: ")
        return Check(name, False, found, fix=fix or None)
    try:
        return Check(name, True, "; ".join(_within(timeout_s, lambda: list(_findings(config, timeout_s)))))
    except (EdgeVisionError, OSError) as error:
        return Check(name, False, str(error) or type(error).__name__)


def _within(timeout_s: float, work: Callable[[], list[str]]) -> list[str]:
    """Return what ``work`` returns; a name server or a network file system may hang. Raises CannotWrite."""
    done: Future[list[str]] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=run, name="check of an output", daemon=True).start()
    try:
        return done.result(timeout_s + 0.5)
    except TimeoutError:
        raise CannotWrite(f"no answer within {timeout_s:g} s") from None


def _findings(config: OutputConfig, timeout_s: float) -> Iterator[str]:
    """Yield what works. Raises EdgeVisionError, OSError."""
    kind = find(config.kind)
    for path in kind.needs(config).writes:
        yield _writable(Path(path))
    for file in input_files(config):
        if not os.access(file, os.R_OK):
            raise CannotWrite(f"cannot read {file}; create it, or change its owner or mode")
        yield f"{file} is readable"
    if kind.probe is not None:
        yield kind.probe(config)
    elif (address := _address(config)) is not None:
        yield _reachable(*address, timeout_s)


def _writable(path: Path) -> str:
    """Return the free space of a path's disk. Raises CannotWrite, OSError."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if path.is_dir() or not path.exists():
        allowed = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    else:
        allowed = os.access(path, os.W_OK)
    if not allowed:
        raise CannotWrite(f"{place} cannot be written; choose another path, or change its owner or mode")
    free = shutil.disk_usage(place).free
    if free < LITTLE_SPACE:
        raise CannotWrite(f"only {format_bytes(free)} free at {place}; make space, or choose another disk")
    return f"{place} can be written, {free / 1e9:.1f} GB free"


def _address(config: OutputConfig) -> tuple[str, int] | None:
    """Return host and port of an output that is a URL."""
    for text in (config.target, config.spec):
        with suppress(ValueError):
            url = urlsplit(text)
            if url.hostname and url.scheme in PORTS:
                return url.hostname, url.port or PORTS[url.scheme]
    return None


def _reachable(host: str, port: int, timeout_s: float) -> str:
    """Return that a port accepts connections. Raises CannotWrite."""
    try:
        socket.create_connection((host, port), timeout_s).close()
    except socket.gaierror:
        raise CannotWrite(f"no address found for {host}; check the name and the network") from None
    except OSError as error:
        raise CannotWrite(f"cannot reach port {port} of {host}: {error.strerror or error}") from None
    return f"port {port} of {host} accepts connections"
