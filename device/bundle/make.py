"""Write a bundle in one of its forms: a reproducible file, a Debian package, or the folder of a container image."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgevision.errors import BadInput, OutputExists
from edgevision.files.atomic import refuse_source, require_absent, write_bytes

from ..installer.archive.manifest import INSTALLER, Manifest
from ..loop import config_file
from ..service.output_access import access_of, device_files
from . import keys, pack
from .build import RELEASE, BundleOptions, Contents, config_text, contents, given_number
from .deb.package import package
from .oci.context import context
from .oci.devices import camera_devices
from .target import SUFFIXES, Form

BUDGET = 100 * 10**6
"""Largest bundle in bytes that fits on the boot partition of an SD card and leaves room for system updates."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was written."""

    path: Path
    bytes: int
    """Size; of a folder, that of its files."""
    manifest: Manifest
    signed: bool
    public_key: Path | None
    """Public key of the key that signed it, if it is beside that one."""
    holds_password: bool
    """Whether the configuration contains a password or a token, such as that of a camera URL."""
    form: Form
    device_files: tuple[str, ...] = ()
    """Files that outputs read on the device, such as one with a password; the bundle does not contain them."""


def make(wish: BundleOptions, step: Callable[[], None] = lambda: None) -> Made:
    """Build and write the bundle; ``step`` is called four times. Raises EdgeVisionError."""
    name = wish.model.name.removesuffix(".tflite")
    path = wish.output or Path(f"{name}-{wish.target.python}-{wish.target.arch}{SUFFIXES[wish.form]}")
    _require_free(path, wish)
    found = contents(wish, step)
    secret = config_file.holds_secret(found.options)
    if secret and wish.form == "oci":
        raise BadInput(
            "the configuration holds a password or a token, and images are copied to registries; leave it out, and mount a "
            "configuration that has it at /etc/edgevision/run.toml"
        )
    packed = pack.pack(pack.head(found.manifest, wish.sign), found.files)
    files = _files(path, packed, found, wish, secret)
    step()
    for one, data in files.items():
        write_bytes(one, data)
    step()
    return Made(
        path,
        sum(map(len, files.values())),
        found.manifest,
        wish.sign is not None,
        _public_key(wish.sign),
        secret,
        wish.form,
        device_files(found.options),
    )


def _require_free(path: Path, wish: BundleOptions) -> None:
    """Refuse an output that exists, before any work is done. Raises OutputExists, CannotWrite."""
    sources = (wish.model, wish.config, wish.wheel, wish.sign)
    if wish.form == "oci" and path.is_dir():
        if not wish.overwrite:
            raise OutputExists(
                f"{path} already exists; give another name with -o, or replace its files with --overwrite"
            )
        for name in ("Containerfile", "run.toml"):
            refuse_source(path / name, sources, "the image")
        return
    refuse_source(path, sources, "the bundle")
    require_absent(path, wish.overwrite)
    if wish.form == "oci" and path.exists():
        raise OutputExists(f"{path} is a file; give the name of a folder with -o")


def _files(path: Path, packed: bytes, found: Contents, wish: BundleOptions, secret: bool) -> Mapping[Path, bytes]:
    """Return path -> content of what is written. Raises BadInput."""
    if wish.form == "bundle":
        return {path: packed}
    if wish.form == "deb":
        number = found.manifest.number or given_number(wish)
        signed = wish.sign is not None
        installer = found.files[INSTALLER]
        made = package(packed, found.manifest, installer, number, signed=signed, secret=secret, environment=os.environ)
        return {path: made}
    config = config_text(found.options, Path(RELEASE))
    devices = (*camera_devices(found.options), *access_of(found.options).devices)
    files = context(packed, found.manifest, found.files[INSTALLER], config, devices)
    return {path / name: data for name, data in files.items()}


def _public_key(private: Path | None) -> Path | None:
    public = None if private is None else keys.public_path(private)
    return public if public is not None and public.is_file() else None
