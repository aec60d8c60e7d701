"""Prepare a copy of an OS image that sets itself up and installs a bundle at its first boots."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from edgevision.errors import BadInput, EdgeVisionError
from edgevision.files.atomic import refuse_source, require_absent
from edgevision.input_file import open_file, read_file, require_file
from edgevision.log import Log

from ...bundle import keys
from ...installer.archive.manifest import Manifest
from ..config.records import DeviceConfig
from ..filesystems.fat32 import Fat32
from ..filesystems.partitions import read_partitions
from . import bundle_file
from .atomic_output import half_made
from .identify import PYTHONS, UNTOUCHED, SystemImage, examine
from .payload import CMDLINE, Injection, Payload, plan
from .unpack import is_packed, unpack, wanted_sha256

log = Log("edgevision.flash")
KERNEL_ROOM = 64 * 10**6
"""Bytes of the boot partition to keep free: updates write new kernels and boot files beside the old ones."""
MB = 1 << 20

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Starts a progress bar for a step, given its name and length; yields a function that sets the progress."""


@dataclass(frozen=True, slots=True)
class PrepareWish:
    """Options of the command line."""

    image: Path
    """OS image: .img or .img.xz of Raspberry Pi OS."""
    bundle: Path
    config: DeviceConfig
    output: Path
    sha256: str | None = None
    """SHA-256 of the downloaded ``image``; None: read NAME.sha256 beside it, if it exists."""
    trust: tuple[Path, ...] = ()
    """Public keys; the device then accepts only bundles signed with one of them."""
    overwrite: bool = False
    config_file: Path | None = None
    """File of ``config``, which must not be overwritten."""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """A prepared OS image."""

    path: Path
    bytes: int
    system: SystemImage
    """The original OS image."""
    manifest: Manifest
    config: DeviceConfig
    instance: str
    trusted: int
    """Number of trusted keys."""
    checked_by: str | None
    """Source of the SHA-256 that the OS image was checked against; None: not checked."""
    boot_free_bytes: int


MAX_KEY = 2**16
"""Largest public key in bytes."""


def _silent(_: str, __: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda done: None)


def prepare(wish: PrepareWish, progress: Progress = _silent) -> PreparedImage:
    """Check all inputs, then prepare a copy of the OS image. Raises EdgeVisionError."""
    require_file(wish.image, "OS image")
    _check_output(wish)
    wanted = wanted_sha256(wish.image, wish.sha256)
    for path in wish.trust:
        keys.require_public(path)
    trust = [read_file(path, "key", MAX_KEY) for path in wish.trust]
    bundle = bundle_file.load(wish.bundle, wish.trust)
    if not is_packed(wish.image) and not wanted:
        with open_file(wish.image, "OS image") as source:  # report problems before copying gigabytes
            _examine(wish, source, bundle.manifest)
    with half_made(wish.output) as stream:
        with progress("unpacking", -(-wish.image.stat().st_size // MB)) as step:
            size = unpack(
                wish.image, stream, lambda done: step(done // MB), wanted, lambda head, n: _look(wish, head, n)
            )
        system = _examine(wish, stream, bundle.manifest)
        instance = f"edgevision-{secrets.token_hex(6)}"
        injection = plan(Payload(wish.config, system, bundle, trust, instance))
        _inject(stream, system, injection, progress)
        left = _verify(stream, system, injection, progress)
    return PreparedImage(
        path=wish.output,
        bytes=size,
        system=system,
        manifest=bundle.manifest,
        config=wish.config,
        instance=instance,
        trusted=len(trust),
        checked_by=wanted.said_by if wanted else None,
        boot_free_bytes=left,
    )


def _check_output(wish: PrepareWish) -> None:
    refuse_source(wish.output, (wish.image, wish.bundle, wish.config_file, *wish.trust), "the image")
    if wish.output.exists() and not wish.output.is_file() and not wish.output.is_dir():
        raise BadInput(
            f"{wish.output} is not a regular file; write the OS image to a file first, then: "
            "edgevision flash write IMAGE --to DEVICE"
        )
    require_absent(wish.output, wish.overwrite)


def _look(wish: PrepareWish, head: bytes, size: int | None) -> None:
    """Check the partition table before the rest of the OS image is unpacked. Raises BadInput."""
    try:
        read_partitions(BytesIO(head), size=size)
    except BadInput as error:
        raise BadInput(f"{wish.image}: {error}") from None


def _examine(wish: PrepareWish, stream: BinaryIO, manifest: Manifest) -> SystemImage:
    """Identify the OS image. Raises BadInput if it does not match the bundle."""
    try:
        system = examine(stream)
    except EdgeVisionError as error:
        raise BadInput(f"{wish.image}: {error}") from None
    log.info("%s: %s, first-boot setup of %s", wish.image, system.os_name, system.backend)
    log.info("Python %s on %s; the bundle: Python %s on %s", system.python, system.arch, manifest.python, manifest.arch)
    if system.arch != manifest.arch:
        bits = " (a 32-bit system)" if system.arch == "armv7l" else ""
        raise BadInput(
            f"{wish.image} is for {system.arch}{bits}, but the bundle is for {manifest.arch}; use a matching OS image"
        )
    if system.python != manifest.python:
        fits = system.python == PYTHONS[system.backend]
        remedy = f"build it again: edgevision bundle MODEL --python {system.python}" if fits else UNTOUCHED
        raise BadInput(
            f"{wish.image} has Python {system.python} ({system.backend}), but the bundle is for {manifest.python}; {remedy}"
        )
    return system


def _inject(stream: BinaryIO, system: SystemImage, injection: Injection, progress: Progress) -> None:
    """Write all files, sync them, and then write cmdline.txt, which makes the OS image a prepared one."""
    fat = Fat32(stream, system.boot_at)
    taken = sum(len(content) for content in injection.files.values())
    if fat.free < taken + KERNEL_ROOM:
        raise BadInput(
            f"not enough space on the boot partition: {taken / 1e6:.1f} MB needed, {fat.free / 1e6:.1f} MB free, of which "
            f"{KERNEL_ROOM / 1e6:.0f} MB are reserved for system updates; "
            f"{'build a smaller bundle' if fat.free > KERNEL_ROOM else UNTOUCHED}"
        )
    log.info(
        "writing %d files, %.1f MB, to the boot partition (%.1f MB free)",
        len(injection.files),
        taken / 1e6,
        fat.free / 1e6,
    )
    with progress("preparing", -(-taken // MB)) as step:
        done = 0
        for name, content in injection.files.items():
            fat.write(name, content)
            log.debug("wrote %s (%d bytes)", name, len(content))
            step((done := done + len(content)) // MB)
        _settle(fat, stream)
    fat.write(CMDLINE, injection.cmdline)
    _settle(fat, stream)


def _settle(fat: Fat32, stream: BinaryIO) -> None:
    fat.close()
    os.fsync(stream.fileno())


def _verify(stream: BinaryIO, system: SystemImage, injection: Injection, progress: Progress) -> int:
    """Read everything back as a device would and return the free bytes. Raises BadInput."""
    fat = Fat32(stream, system.boot_at)
    wanted = {**injection.files, CMDLINE: injection.cmdline}
    with progress("verifying", len(wanted)) as step:
        for number, (name, content) in enumerate(wanted.items(), 1):
            if fat.read(name) != content:
                raise BadInput(f"{name} reads back differently than written; check the disk for errors")
            step(number)
    log.info("all files read back as written")
    faults = fat.faults()
    if faults:
        raise BadInput(f"the boot partition of the OS image is damaged ({faults[0]}); {UNTOUCHED}")
    return fat.free
