"""Write an OS image to a confirmed drive: unmount, open, identify it again, write and verify."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edgevision.errors import BadInput, EdgeVisionError, FlashRefused, VerifyFailed
from edgevision.input_file import open_file
from edgevision.log import Log

from ..image.check import check
from ..image.unpack import ExpectedDigest
from . import write
from .block_devices import Drive
from .confirm_target import TargetConfirmation, choose, refuse_changed, refuse_other
from .image_source import Image, ImageSource
from .medium import Host

log = Log("edgevision.flash")
STEP = 16 << 20


@dataclass(frozen=True, slots=True)
class Card:
    """Result of writing an SD card."""

    drive: Drive
    written: write.Written
    prepared: bool
    """Whether the OS image was prepared to set itself up."""
    partitions_known: bool
    """Whether the kernel has read the new partition table."""


def write_card(image: Image, choice: TargetConfirmation, confirmed: Drive, host: Host, report: write.Report) -> Card:
    """Write and verify; ``confirmed``: the drive that the user confirmed. Raises FlashRefused, WriteFailed, VerifyFailed."""
    now = choose(choice, host)
    refuse_changed(confirmed, now.drive)
    for at in sorted(now.mounted, key=len, reverse=True):
        log.info("unmounting %s", at)
        host.unmount(at)
    with closing(host.open(Path(confirmed.device))) as medium:
        opened = choose(choice, host)
        refuse_changed(confirmed, opened.drive)
        refuse_other(opened.drive, medium)
        if opened.mounted:
            raise FlashRefused(
                f"{confirmed.device} was mounted again at {', '.join(opened.mounted)}; unmount it and try again"
            )
        with open_file(image.path, "OS image") as stream:
            log.info("%s is open and still the same drive: %s, serial %s", *_identity(confirmed))
            written = write.write(ImageSource(stream, image.bytes), medium, report)
        prepared = image.prepared is not None
        if prepared:
            _require_files(medium.place, report)
        return Card(confirmed, written, prepared, medium.reread_partitions())


def _identity(drive: Drive) -> tuple[str, str, str]:
    return drive.device, drive.model or "no model name", drive.serial or "unknown"


def require_sound(image: Image) -> None:
    """Check that a prepared OS image is undamaged. Raises BadInput."""
    fault = _fault(image.path) if image.prepared is not None else None
    if fault:
        raise BadInput(
            f"the prepared OS image {image.path} is damaged: {fault}; prepare it again: edgevision flash image"
        )


def _require_files(place: Path, report: write.Report) -> None:
    """Check the files on the SD card as the Raspberry Pi will read them. Raises VerifyFailed."""
    report("files", 0, 0)
    try:
        fault = _fault(place)
    except (EdgeVisionError, OSError) as error:
        fault = str(error)
    if fault:
        raise VerifyFailed(f"verification failed: the files on the SD card are damaged: {fault}; use another SD card")


def _fault(place: Path) -> str | None:
    return next((f"{one.name}: {one.found}" for one in check(place) if not one.ok), None)


def check_sha256(path: Path, wanted: ExpectedDigest, report: write.Report) -> None:
    """Check the SHA-256 of a file. Raises BadInput."""
    total, done, found = path.stat().st_size, 0, hashlib.sha256()
    with open_file(path, "OS image") as stream:
        while part := stream.read(STEP):
            found.update(part)
            done += len(part)
            report("check", done, total)
    if found.hexdigest() != wanted.sha256:
        raise BadInput(
            f"{path} is damaged or another file: its sha256 is {found.hexdigest()}, but {wanted.said_by} says "
            f"{wanted.sha256}"
        )
