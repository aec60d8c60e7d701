"""What one device of a fleet gets: asked for by the Ansible role, one JSON object in, one out."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from edgevision import __version__
from edgevision.errors import BadInput, EdgeVisionError
from edgevision.files import strict_json
from edgevision.files.atomic import require_file, sha256, write_bytes, write_text
from edgevision.files.cache_home import cache_home
from edgevision.input_file import read_file

from ..deploy.deploy import Plan, plan_for
from ..deploy.device_info import DeviceInfo, device_info
from ..deploy.package import Package, PackageOptions, package
from ..installer.archive.manifest import MAX_MANIFEST, parse
from ..installer.base.errors import Refused
from .host_options import host_options

MAX_REQUEST = 2**24
DAYS = 7
"""Days for which a file that no device asked for is kept."""
KEYS = (
    "host",
    "device",
    "source",
    "config",
    "camera",
    "options",
    "sign_key",
    "allow_downgrade",
    "full",
    "wheels",
    "cache",
)


class Request(NamedTuple):
    """What one device should get."""

    host: str
    device: DeviceInfo
    options: PackageOptions
    cache: Path


def answer(data: bytes) -> dict[str, Any]:
    """Make what a device gets and return where it is, or why it cannot take it. Raises EdgeVisionError."""
    request = _read(data)
    try:
        plan = plan_for(request.device, lambda: _cached(request), time.time())
    except EdgeVisionError as error:
        return {"state": "failed", "problem": str(error), "checks": []}
    checks = [one.to_json() for one in plan.checks]
    if plan.failed or plan.package is None:
        return {"state": "not_ready", "problem": _problem(plan), "checks": checks}
    path = request.cache / f"{plan.package.sha256}.tar.xz"
    return {"state": "ready", "problem": "", "checks": checks, "path": str(path), "release": plan.package.manifest.id}


def _problem(plan: Plan) -> str:
    return "; ".join(f"{one.name}: {one.found}; {one.fix}" for one in plan.failed)


def _read(data: bytes) -> Request:
    """Read a request of the role. Raises EdgeVisionError."""
    value = strict_json.loads(data, "the request on standard input", MAX_REQUEST)
    if not isinstance(value, dict) or set(value) != set(KEYS):
        raise BadInput("expected a request of the role edgevision; export the role again with: edgevision fleet role")
    if not value["source"]:
        raise BadInput("edgevision_source is not set: give the bundle or model that the devices should get")
    device = device_info(value["device"])
    own = host_options(str(value["host"]), str(value["camera"]), value["options"])
    options = PackageOptions(
        source=Path(value["source"]),
        sign=_path(value["sign_key"]),
        full=bool(value["full"]) or not device.installed.manager,
        allow_downgrade=bool(value["allow_downgrade"]),
        config=_path(value["config"]),
        wheels=_path(value["wheels"]),
        own=own,
    )
    return Request(str(value["host"]), device, options, _path(value["cache"]) or cache_home() / "fleet")


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _cached(request: Request) -> Package:
    """Make a package, or take the one that an equal device got; one at a time. Raises EdgeVisionError."""
    folder = request.cache
    require_file(request.options.source, "bundle or model")
    with _alone(folder):
        _forget_old(folder)
        note = folder / f"{_key(request)}.json"
        with suppress(OSError, EdgeVisionError, Refused, KeyError, TypeError):
            return _noted(folder, read_file(note, "note", MAX_MANIFEST))
        made = package(request.options, request.device)
        write_bytes(folder / f"{made.sha256}.tar.xz", made.data, private=True)
        known = {"archive": made.sha256, "signed": made.signed, "manifest": made.manifest.dumps().decode()}
        write_text(note, json.dumps(known), private=True)
        return made


def _noted(folder: Path, note: bytes) -> Package:
    value = strict_json.fields(strict_json.loads(note, "the note", 2 * MAX_MANIFEST), "the note")
    data = read_file(folder / f"{value['archive']}.tar.xz", "archive", 2**30)
    if hashlib.sha256(data).hexdigest() != value["archive"]:
        raise BadInput("damaged")
    return Package(parse(str(value["manifest"]).encode()), bool(value["signed"]), data, b"")


def _key(request: Request) -> str:
    """Return a hash of everything that the package depends on."""
    options, device = request.options, request.device
    installed = device.installed
    files = [None if one is None else (one.name, sha256(one)) for one in (options.source, options.config, options.sign)]
    known = (
        __version__,
        files,
        str(options.wheels),
        options.full,
        options.allow_downgrade,
        repr(sorted(options.own.items(), key=lambda one: one[0])),
        (device.system.python, device.system.arch),
        None if installed.manifest is None else installed.manifest.id,
        sorted(installed.known()),
    )
    return hashlib.sha256(repr(known).encode()).hexdigest()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _forget_old(folder: Path) -> None:
    """Remove what was not made lately."""
    for path in folder.glob("*.*"):
        with suppress(OSError):
            if path.suffix in (".xz", ".json") and time.time() - path.stat().st_mtime > DAYS * 86400:
                path.unlink()
