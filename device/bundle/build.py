"""Collect the files of a bundle: model, configuration, libraries, systemd unit and installer."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from edgevision import __version__
from edgevision.errors import BadInput, UsageError
from edgevision.files.atomic import require_file
from edgevision.files.scratch import scratch_folder
from edgevision.input_file import read_file
from edgevision.log import Log
from edgevision.model_file.derived_card import portable

from ..installer.archive.manifest import (
    CONFIG,
    INSTALLER,
    MAX_NUMBER,
    MODEL,
    SECOND_MODEL,
    WHEELS,
    Entry,
    Manifest,
    release_id,
)
from ..installer.base.loop import UNNAMED, Loop
from ..installer.release.install import MANAGER
from ..installer.release.switch import CURRENT
from ..loop import config_file
from ..outputs.registry import extras_of
from ..service.access import Access
from ..service.fitness import check_config
from ..service.output_access import access_of
from ..service.places import Places
from ..service.unit import GROUPS, UnitPlan, unit_text
from . import installer_pyz, keys, own_wheel, wheelhouse
from .target import Form, Target

log = Log("edgevision.bundle")
RELEASE = PurePosixPath("/", UNNAMED.home, CURRENT)
"""Where the loop without a name finds its current release."""


@dataclass(frozen=True, slots=True)
class BundleOptions:
    """Options of the command line."""

    model: Path
    target: Target
    config: Path | None = None
    camera: str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    """Options of one device, by field name; they override those of ``config``."""
    wheels: Path | None = None
    """Folder that holds all library wheels; None: the package index."""
    wheel: Path | None = None
    """Wheel of edgevision itself; None: build it from the running code."""
    sign: Path | None = None
    number: int | None = None
    """Release number of a signed bundle or a package; None: the time."""
    form: Form = "bundle"
    """What to write; ``deb``: a Debian package, ``oci``: the folder of a container image, both with the bundle in it."""
    output: Path | None = None
    overwrite: bool = False
    loop: Loop = UNNAMED
    """Loop that the bundle is for."""


MAX_WHEEL = 2**30
"""Largest wheel in bytes."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a bundle that is not packed yet."""

    manifest: Manifest
    files: Mapping[str, bytes]
    """Name -> content of all files of the manifest."""
    options: Mapping[str, Any]
    """Options of the loop."""


def contents(wish: BundleOptions, step: Callable[[], None] = lambda: None) -> Contents:
    """Collect the files of a bundle; ``step`` is called twice. Raises EdgeVisionError."""
    model = portable(require_file(wish.model, "model"))
    log.info("%s: for Python %s on %s", wish.model, wish.target.python, wish.target.arch)
    options = loop_options(wish)
    if wish.sign is not None:
        keys.require_private(wish.sign)
    number = _number(wish)
    step()
    files = {
        MODEL: model,
        **_second_model(options),
        **configuration(options, wish.target, wish.loop),
        INSTALLER: installer_pyz.pyz(),
        **_wheels(wish, options),
    }
    step()
    manifest = _manifest(wish.model.name.removesuffix(".tflite"), wish.target, dict(sorted(files.items())), number)
    log.info("release %s: %d files, %.1f MB unpacked", manifest.id, len(files), sum(map(len, files.values())) / 1e6)
    log.info("signature: %s", "none" if wish.sign is None else f"with {wish.sign}")
    return Contents(manifest, files, options)


def _number(wish: BundleOptions) -> int | None:
    """Return the release number of a signed bundle. Raises UsageError, BadInput."""
    if wish.sign is not None:
        return given_number(wish)
    if wish.number is not None and wish.form != "deb":
        raise UsageError("--release-number needs --sign: a number that nobody signed can be changed by anybody")
    return None


def given_number(wish: BundleOptions) -> int:
    """Return the release number of the options, of the environment, or of the clock. Raises BadInput."""
    if wish.number is not None:
        return wish.number
    given = os.environ.get("SOURCE_DATE_EPOCH", "")  # https://reproducible-builds.org/specs/source-date-epoch/
    if given and not (given.isdecimal() and 0 < int(given[:20]) <= MAX_NUMBER):
        raise BadInput(f"SOURCE_DATE_EPOCH: expected seconds since 1970, got {given!r:.40}")
    return int(given) if given else int(time.time())


def loop_options(wish: BundleOptions) -> dict[str, Any]:
    """Return the loop options, checked for use on a device. Raises BadInput."""
    found = {} if wish.config is None else config_file.read(wish.config)
    found = config_file.merged([found, wish.own])
    found.pop("model", None)
    if wish.camera is not None:
        found["camera"] = wish.camera
        found.pop("source", None)
    if found.get("camera") is not None and found.get("source") is not None:
        raise BadInput(f"{wish.config}: both camera and source are set; keep only one of them")
    check_config(found, wish.config, Places(wish.loop).state)
    return found


def configuration(options: dict[str, Any], target: Target, loop: Loop) -> dict[str, bytes]:
    """Return the configuration and the unit that belongs to it as files of the bundle."""
    return {CONFIG: _config(options, loop).encode(), loop.unit: _unit(target, options, loop).encode()}


def _config(options: dict[str, Any], loop: Loop) -> str:
    # A configuration with a password is read from a copy elsewhere, so that its model has an absolute path.
    return config_text(options, Path("/") / loop.home / CURRENT if config_file.holds_secret(options) else Path())


def config_text(options: Mapping[str, Any], folder: Path) -> str:
    """Return run.toml with the models of a folder; ``Path()``: the folder that the file is in."""
    models = {"model": folder / MODEL} | ({"then": folder / SECOND_MODEL} if options.get("then") else {})
    return config_file.dumps({**options, **models}, Path(CONFIG))


def _second_model(options: dict[str, Any]) -> dict[str, bytes]:
    """Return the second model of the configuration as a file of the bundle. Raises MissingFile, BadModel."""
    if not options.get("then"):
        return {}
    return {SECOND_MODEL: portable(require_file(options["then"], "second model"))}


def _unit(target: Target, options: dict[str, Any], loop: Loop) -> str:
    """Return the hardened unit that ``edgevision service install`` writes, for the current release."""
    return unit_text(unit_plan(target, access_of(options), config_file.holds_secret(options), loop))


def unit_plan(target: Target, access: Access, secret: bool, loop: Loop = UNNAMED) -> UnitPlan:
    """Return the Python and configuration paths that the unit of every bundle uses."""
    release = PurePosixPath("/", loop.home, CURRENT)
    return UnitPlan(
        release / "venv/bin/python",
        release / CONFIG,
        GROUPS,
        access=access,
        systemd=target.systemd,
        secret=secret,
        manager=RELEASE.parent / MANAGER,
        loop=loop,
    )


def _wheels(wish: BundleOptions, options: dict[str, Any]) -> dict[str, bytes]:
    with scratch_folder() as scratch:
        found = wheelhouse.collect(wish.target, scratch, wish.wheels, _extras(options))
        if wish.wheel is None:
            log.info("edgevision's own wheel: built from the running code")
            found.append(own_wheel.build(scratch))
        else:
            _check_own(require_file(wish.wheel, "wheel"))
            found.append(wish.wheel)
        return {WHEELS + wheel.name: read_file(wheel, "wheel", MAX_WHEEL) for wheel in found}


def _extras(options: dict[str, Any]) -> tuple[str, ...]:
    """Return the extras of edgevision that the configuration needs."""
    page = ("web",) if options.get("page") else ()
    return tuple(sorted({*extras_of(options.get("outputs") or ()), *page}))


def _check_own(wheel: Path) -> None:
    if wheel.suffix != ".whl" or wheelhouse.distribution(wheel) != "edgevision" or "-none-any" not in wheel.name:
        raise BadInput(f"--wheel: expected edgevision-{__version__}-py3-none-any.whl, got {wheel}")


def _manifest(name: str, target: Target, files: dict[str, bytes], number: int | None) -> Manifest:
    entries = {key: Entry(len(data), hashlib.sha256(data).hexdigest()) for key, data in files.items()}
    return Manifest(release_id(name, entries), target.python, target.arch, __version__, entries, number)
