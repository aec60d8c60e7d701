"""What is sent to a device: a bundle without the files that are there already."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgevision import __version__
from edgevision.errors import BadInput
from edgevision.files.atomic import require_file
from edgevision.files.scratch import scratch_folder
from edgevision.input_file import read_file
from edgevision.log import Log
from edgevision.model_file import model_file
from edgevision.model_file.derived_card import effective_card, portable

from ..bundle import keys, pack
from ..bundle.build import BundleOptions, configuration, contents, loop_options
from ..bundle.bundled import bundled_options, require_libraries
from ..bundle.target import Target
from ..installer.archive.manifest import (
    CONFIG,
    INSTALLER,
    MANIFEST,
    MAX_BYTES,
    MODEL,
    SECOND_MODEL,
    SIGNATURE,
    Entry,
    Manifest,
    release_id,
)
from ..installer.archive.verify import read
from ..installer.base.errors import Refused
from ..installer.base.loop import UNNAMED, Loop
from ..loop import config_file
from ..service.fitness import check_config
from ..service.places import Places
from .device_info import DeviceInfo, Installed

log = Log("edgevision.deploy")


@dataclass(frozen=True, slots=True)
class Package:
    """An archive for one device."""

    manifest: Manifest
    signed: bool
    data: bytes
    installer: bytes
    """install.pyz of the bundle, for a device that has none; empty if it is there already."""

    @property
    def sha256(self) -> str:
        """Hash of the archive."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class PackageOptions:
    """What to send."""

    source: Path
    """A bundle, or a model."""
    sign: Path | None = None
    """Private key to sign with."""
    full: bool = False
    """Send everything, and for a model also the libraries of this machine's edgevision."""
    model_only: bool = False
    """Send the model alone, or refuse."""
    allow_downgrade: bool = False
    """Sign an older bundle again with a new number."""
    camera: str | None = None
    config: Path | None = None
    wheels: Path | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    """Options of this one device, by field name, which override all others."""
    loop: Loop = UNNAMED
    """Loop to update."""

    @property
    def is_bundle(self) -> bool:
        """Whether the source is a bundle."""
        return self.source.name.endswith(".tar.xz")


def package(wish: PackageOptions, device: DeviceInfo) -> Package:
    """Return what to send to a device. Raises EdgeVisionError."""
    require_file(wish.source, "bundle or model")
    if wish.sign is not None:
        keys.require_private(wish.sign)
    known: Set[str] = frozenset() if wish.full else device.installed.known()
    if wish.is_bundle:
        if wish.model_only:
            raise BadInput(f"--model-only needs a model, got the bundle {wish.source}")
        return _of_bundle(wish.source, wish, known)
    effective_card(model_file.read(wish.source))  # raises BadModel
    model = portable(wish.source)
    if _only_model(wish, device.installed):
        return _of_model(wish, model, device.installed)
    target = Target(device.system.python, device.system.arch)
    options = BundleOptions(
        wish.source, target, wish.config, wish.camera, wish.own, wish.wheels, sign=wish.sign, loop=wish.loop
    )
    if not wish.full and (made := _of_model_and_options(options, model, device.installed)) is not None:
        return made
    found = contents(options)
    return _packed(found.manifest, wish.sign, _missing(found.manifest, found.files, known), found.files[INSTALLER])


def _only_model(wish: PackageOptions, installed: Installed) -> bool:
    """Return whether only the model changes: configuration and libraries of the device stay. Raises BadInput."""
    other = wish.full or wish.config is not None or wish.camera is not None or bool(wish.own)
    possible = installed.manifest is not None and not other
    if wish.model_only and not possible:
        reason = "other options change more than the model" if other else "nothing is installed on the device yet"
        raise BadInput(f"--model-only is impossible: {reason}")
    return possible


def _of_model(wish: PackageOptions, model: bytes, installed: Installed) -> Package:
    """Return the current release of the device with another model."""
    assert installed.manifest is not None
    files = {**installed.manifest.files, MODEL: Entry(len(model), hashlib.sha256(model).hexdigest())}
    name = wish.source.name.removesuffix(".tflite")
    manifest = replace(installed.manifest, id=release_id(name, files), files=files, number=_number(wish.sign))
    return _packed(manifest, wish.sign, {MODEL: model}, b"")


def _of_model_and_options(wish: BundleOptions, model: bytes, installed: Installed) -> Package | None:
    """Return the current release of the device with another model and configuration.

    None if its libraries do not fit: those of another version, or without one that an output needs. Raises EdgeVisionError.
    """
    manifest = installed.manifest
    if manifest is None or (manifest.version, manifest.python, manifest.arch) != (
        __version__,
        wish.target.python,
        wish.target.arch,
    ):
        return None
    options = loop_options(wish)
    if options.get("then"):  # a second model: rare enough to be sent with everything else
        return None
    try:
        require_libraries(options, manifest)
    except BadInput:
        return None
    new = {MODEL: model, **configuration(options, wish.target, wish.loop)}
    entries = {name: Entry(len(data), hashlib.sha256(data).hexdigest()) for name, data in new.items()}
    kept = {name: entry for name, entry in manifest.files.items() if name != SECOND_MODEL}
    files = dict(sorted((kept | entries).items()))
    name = release_id(wish.model.name.removesuffix(".tflite"), files)
    made = replace(manifest, id=name, files=files, number=_number(wish.sign))
    return _packed(made, wish.sign, _missing(made, new, installed.known()), b"")


def _of_bundle(path: Path, wish: PackageOptions, known: Set[str]) -> Package:
    """Return a bundle without what the device has."""
    if wish.sign is not None and not wish.allow_downgrade and not wish.own:
        raise BadInput("--sign signs the bundle of a model; to sign a finished one again, add --allow-downgrade")
    with scratch_folder() as folder:
        try:
            checked = read(path, into=folder)
        except Refused as error:
            raise BadInput(f"{path}: {error}") from None
        found = {name: (folder / name).read_bytes() for name in (MANIFEST, *checked.manifest.files)}
    manifest, installer = checked.manifest, found[INSTALLER]
    if manifest.loop != wish.loop:
        raise BadInput(
            f"{path} is a bundle for {manifest.loop.service}, not for {wish.loop.service}; {_right(manifest.loop)}"
        )
    if wish.own:
        if checked.signed and wish.sign is None:
            raise BadInput(f"{path} is signed, and options of a device change it; give --sign KEY to sign it again")
        manifest, found = _with_options(path, manifest, found, wish.own)
    files = _missing(manifest, found, known)
    if wish.sign is not None:
        return _packed(replace(manifest, number=_number(wish.sign)), wish.sign, files, installer)
    if wish.own:
        return _packed(manifest, None, files, installer)
    if len(files) == len(manifest.files):
        return Package(manifest, checked.signed, read_file(path, "bundle", MAX_BYTES), installer)
    head = {MANIFEST: found[MANIFEST]} | ({} if checked.signature is None else {SIGNATURE: checked.signature})
    return Package(manifest, checked.signed, pack.pack(head, files), installer)


def _with_options(
    path: Path, manifest: Manifest, found: Mapping[str, bytes], own: Mapping[str, Any]
) -> tuple[Manifest, dict[str, bytes]]:
    """Return manifest and files of a bundle with the options of one device on top of its own. Raises BadInput."""
    options = config_file.merged([bundled_options(found[CONFIG]), own])
    check_config(options, path, Places(manifest.loop).state)
    require_libraries(options, manifest)
    changed = configuration(options, Target(manifest.python, manifest.arch), manifest.loop)
    entries = {name: Entry(len(data), hashlib.sha256(data).hexdigest()) for name, data in changed.items()}
    files = dict(sorted({**manifest.files, **entries}.items()))
    return replace(manifest, id=release_id(manifest.model_name, files), files=files), {**found, **changed}


def _right(loop: Loop) -> str:
    """Return what to do with a bundle for a loop."""
    return "leave out --name" if loop.name is None else f"give --name {loop.name}"


def _missing(manifest: Manifest, files: Mapping[str, bytes], known: Set[str]) -> dict[str, bytes]:
    return {name: files[name] for name, entry in manifest.files.items() if entry.sha256 not in known}


def _packed(manifest: Manifest, sign: Path | None, files: dict[str, bytes], installer: bytes) -> Package:
    return Package(manifest, sign is not None, pack.pack(pack.head(manifest, sign), files), installer)


def _number(sign: Path | None) -> int | None:
    return None if sign is None else int(time.time())
