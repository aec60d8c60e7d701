"""Makes an image that sets itself up and installs a bundle at its first start; the image it is made of stays as it is."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgevision.errors import BadInput, EdgeVisionError
from edgevision.files.atomic import refuse_pipe, refuse_source, require_absent, require_file

from ...bundle import keys
from ...installer.archive.manifest import Manifest
from ..config.records import DeviceConfig
from ..filesystems.fat32 import Fat32
from . import bundle_file
from .atomic_output import half_made
from .identify import PYTHONS, UNTOUCHED, SystemImage, examine
from .payload import CMDLINE, Injection, Payload, plan
from .unpack import is_packed, unpack, wanted_sha256

KERNEL_ROOM = 64 * 10**6
"""Bytes of the boot partition that stay free: updates put new kernels and start files beside the old ones there."""
MB = 1 << 20

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Of a piece of work, by its name and its length: what is told how much of it is done."""


@dataclass(frozen=True, slots=True)
class PrepareWish:
    """What the command line asked for."""

    image: Path
    """.img or .img.xz of a Raspberry Pi OS."""
    bundle: Path
    config: DeviceConfig
    output: Path
    sha256: str | None = None
    """Of ``image`` as it was downloaded; None: of a file NAME.sha256 beside it, if there is one."""
    trust: tuple[Path, ...] = ()
    """Public keys; the device takes bundles that were signed with one of them, and no others."""
    overwrite: bool = False
    config_file: Path | None = None
    """Where ``config`` was read, so that it is not what gets overwritten."""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image that was made."""

    path: Path
    bytes: int
    system: SystemImage
    """As it was before."""
    manifest: Manifest
    config: DeviceConfig
    instance: str
    trusted: int
    """Number of keys."""
    checked_by: str | None
    """Where the sha256 stood that the system's image had to have; None: it was not checked."""
    boot_free_bytes: int


def _silent(_: str, __: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda done: None)


def prepare(wish: PrepareWish, progress: Progress = _silent) -> PreparedImage:
    """Checks everything that can be checked first, then works on a copy. Raises EdgeVisionError."""
    require_file(wish.image, "system image")
    refuse_pipe(wish.image, "system image")
    _check_output(wish)
    wanted = wanted_sha256(wish.image, wish.sha256)
    for path in wish.trust:
        keys.require_public(path)
    trust = [path.read_bytes() for path in wish.trust]
    bundle = bundle_file.load(wish.bundle, wish.trust)
    if not is_packed(wish.image) and not wanted:
        with wish.image.open("rb") as source:  # what is wrong is said before gigabytes are copied
            _examine(wish, source, bundle.manifest)
    with half_made(wish.output) as stream:
        with progress("unpacking", -(-wish.image.stat().st_size // MB)) as step:
            size = unpack(wish.image, stream, lambda done: step(done // MB), wanted)
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
        raise BadInput(f"{wish.output} is no file; make an image first, then: edgevision flash write IMAGE --to DEVICE")
    require_absent(wish.output, wish.overwrite)


def _examine(wish: PrepareWish, stream: BinaryIO, manifest: Manifest) -> SystemImage:
    """Raises BadInput where image and bundle do not go together."""
    try:
        system = examine(stream)
    except EdgeVisionError as error:
        raise BadInput(f"{wish.image}: {error}") from None
    if system.arch != manifest.arch:
        bits = " (a 32-bit system)" if system.arch == "armv7l" else ""
        raise BadInput(
            f"{wish.image} is for {system.arch}{bits}, and the bundle for {manifest.arch}; take the image of the same kind"
        )
    if system.python != manifest.python:
        fits = system.python == PYTHONS[system.backend]
        remedy = f"make it again: edgevision bundle MODEL --python {system.python}" if fits else UNTOUCHED
        raise BadInput(
            f"{wish.image} has Python {system.python} ({system.backend}), and the bundle is for {manifest.python}; {remedy}"
        )
    return system


def _inject(stream: BinaryIO, system: SystemImage, injection: Injection, progress: Progress) -> None:
    """All files, and when they are on the disk cmdline.txt: from then on the image is a prepared one."""
    fat = Fat32(stream, system.boot_at)
    taken = sum(len(content) for content in injection.files.values())
    if fat.free < taken + KERNEL_ROOM:
        raise BadInput(
            f"no room on the boot partition: {taken / 1e6:.1f} MB are to go there, {fat.free / 1e6:.1f} MB are free, and "
            f"{KERNEL_ROOM / 1e6:.0f} MB stay free for updates of the system; "
            f"{'make a smaller bundle' if fat.free > KERNEL_ROOM else UNTOUCHED}"
        )
    with progress("preparing", -(-taken // MB)) as step:
        done = 0
        for name, content in injection.files.items():
            fat.write(name, content)
            step((done := done + len(content)) // MB)
        _settle(fat, stream)
    fat.write(CMDLINE, injection.cmdline)
    _settle(fat, stream)


def _settle(fat: Fat32, stream: BinaryIO) -> None:
    fat.close()
    os.fsync(stream.fileno())


def _verify(stream: BinaryIO, system: SystemImage, injection: Injection, progress: Progress) -> int:
    """Reads everything back as a machine would; the bytes that are left. Raises BadInput."""
    fat = Fat32(stream, system.boot_at)
    wanted = {**injection.files, CMDLINE: injection.cmdline}
    with progress("verifying", len(wanted)) as step:
        for number, (name, content) in enumerate(wanted.items(), 1):
            if fat.read(name) != content:
                raise BadInput(f"{name} reads back other than it was written; is the disk all right?")
            step(number)
    faults = fat.faults()
    if faults:
        raise BadInput(f"the image's boot partition is damaged ({faults[0]}); {UNTOUCHED}")
    return fat.free
