"""Verify an OS image or SD card prepared with ``flash image``: files, bundle, kernel arguments and file system."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput, EdgeVisionError
from edgevision.files import strict_json
from edgevision.files.scratch import scratch_folder

from ...installer.base.errors import Refused
from ..filesystems.fat32 import Fat32
from ..filesystems.partitions import read_partitions
from ..seeds import cmdline as kernel_line
from . import bundle_file
from .boot_partition import read_boot_files
from .identify import SEEDS, root_fault
from .payload import BUNDLE, CMDLINE, DEVICE, DEVICE_SCHEMA, FOLDER, IMAGE, IMAGE_SCHEMA, INSTALLER, START, STATUS

AGAIN = "prepare the OS image again: edgevision flash image; if this is an SD card, write it again"
NEEDED = (BUNDLE, INSTALLER, START, DEVICE)
NEEDED_BY = {"bookworm": (), "trixie": SEEDS}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
MAX_FILES = 100
STARTED = "first boot"
"""Name of the finding that the SD card has been booted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check."""

    name: str
    ok: bool
    found: str
    todo: str = ""
    """What to do about a problem, or next."""


@dataclass(frozen=True, slots=True)
class _Place:
    """The data being checked."""

    keys: Sequence[Path]
    image: Mapping[str, Any]
    """Content of image.json."""
    files: Mapping[str, bytes]
    """Existing files that image.json lists."""


def check(place: Path, keys: Sequence[Path] = ()) -> list[Finding]:
    """Check an OS image or SD card and return the findings.

    Args:
        place: OS image, drive, or folder of a mounted boot partition.
        keys: Public keys, one of which must have signed the bundle.

    Raises:
        MissingFile, BadInput, OSError: If it cannot be read at all.
    """
    first = read_boot_files(place, (CMDLINE, IMAGE, STATUS))
    line = first.get(CMDLINE, b"").decode("utf-8", "replace")
    start = _start(place, line, first)
    found = [*_disk(place, line, start)]
    if start.name == STARTED or not all(one.ok for one in found):
        return [*found, start]
    try:
        image = _image(first.get(IMAGE))
    except BadInput as error:
        return [*found, Finding(IMAGE, False, str(error), AGAIN)]
    found += [Finding(IMAGE, True, f"{image['release']} for {image['hostname']}, {image['os']}"), start]
    whole = _Place(keys, image, read_boot_files(place, tuple(image["files"])))
    return [*found, *_files(whole), *_settings(whole), _bundle(whole)]


def started(findings: Sequence[Finding]) -> bool:
    """Return whether the SD card has been booted."""
    return any(one.name == STARTED for one in findings)


def _disk(place: Path, line: str, start: Finding) -> Iterator[Finding]:
    """Check partitions and boot file system; not those that are mounted, or in use and repaired at each boot."""
    if place.is_dir():
        return
    with place.open("rb") as stream:
        try:
            parts = read_partitions(stream)
        except BadInput as error:
            yield Finding("partitions", False, str(error), AGAIN)
            return
        fault = root_fault(line, parts.disk_id)
        yield Finding("partitions", not fault, fault or f"disk {parts.disk_id}", AGAIN if fault else "")
        if start.name == STARTED:
            return
        fat = Fat32(stream, parts.boot.start)
        faults = fat.faults()
        text = "; ".join(faults[:3]) or f"FAT32, {fat.free / 1e6:.0f} MB free"
        yield Finding(
            "boot partition", not faults, text, f"run fsck.vfat on the partition, or {AGAIN}" if faults else ""
        )


def _image(raw: bytes | None) -> dict[str, Any]:
    """Parse and validate image.json. Raises BadInput."""
    if raw is None:
        raise BadInput("missing: not prepared with edgevision flash image, or only partly")
    try:
        value = strict_json.loads(raw, "it")
    except BadInput as error:
        raise BadInput(f"damaged: {error}") from None
    if not isinstance(value, dict) or value.get("schema") != IMAGE_SCHEMA:
        raise BadInput(f"expected schema {IMAGE_SCHEMA}: use the edgevision version that prepared it")
    texts = ("os", "python", "arch", "release", "instance", "hostname")
    files: Any = value.get("files")
    sane = (
        all(isinstance(value.get(key), str) for key in texts)
        and str(value.get("backend")) in NEEDED_BY
        and isinstance(files, dict)
        and len(files) <= MAX_FILES
        and all(_NAME.fullmatch(name) and isinstance(entry, dict) for name, entry in files.items())
    )
    if not sane:
        raise BadInput("damaged: a field is missing or invalid")
    missing = [name for name in (*NEEDED, *NEEDED_BY[value["backend"]]) if name not in files]
    if missing:
        raise BadInput(f"damaged: it does not list {', '.join(missing)}")
    return value


def _start(place: Path, line: str, files: Mapping[str, bytes]) -> Finding:
    """Check whether the next boot is the first one, or the first one has happened."""
    try:
        armed = kernel_line.is_armed(line)
    except EdgeVisionError as error:
        return Finding(CMDLINE, False, str(error), AGAIN)
    if armed:
        return Finding(CMDLINE, True, "the next boot sets up the device")
    state = _json(files.get(STATUS)).get("state")
    if IMAGE not in files or state in (None, "pending"):
        return Finding(CMDLINE, False, "it does not start the setup, and the device has not been set up yet", AGAIN)
    return Finding("first boot", True, f"already done; state: {state!s:.40}", f"edgevision flash status {place}")


def _files(whole: _Place) -> Iterator[Finding]:
    for name, entry in whole.image["files"].items():
        content = whole.files.get(name)
        if content is None:
            yield Finding(name, False, "missing", AGAIN)
        elif len(content) != entry.get("bytes") or hashlib.sha256(content).hexdigest() != entry.get("sha256"):
            yield Finding(name, False, f"changed since it was written ({len(content)} bytes)", AGAIN)
        else:
            yield Finding(name, True, f"{len(content)} bytes")


def _settings(whole: _Place) -> Iterator[Finding]:
    """Check that the files that the device reads at its first boot match each other."""
    device = _json(whole.files.get(DEVICE))
    same = {"schema": DEVICE_SCHEMA} | {key: whole.image[key] for key in ("instance", "release", "backend")}
    wrong = [key for key, value in same.items() if device.get(key) != value]
    text = (
        f"device.json does not match image.json: {', '.join(wrong)}" if wrong else f"instance {whole.image['instance']}"
    )
    yield Finding("settings", not wrong, text, AGAIN if wrong else "")
    texts = {name: content for name, content in whole.files.items() if name in (START, *SEEDS)}
    for name, content in texts.items():
        fault = _text_fault(name, content, str(whole.image["instance"]))
        if fault:
            yield Finding(name, False, fault, AGAIN)


def _text_fault(name: str, content: bytes, instance: str) -> str | None:
    """Return what the OS would not accept; None if nothing."""
    first = {START: b"#!/bin/sh\n", "user-data": b"#cloud-config\n"}.get(name, b"")
    if b"\r" in content:
        return "it has Windows line ends, which the OS does not accept"
    if not content.startswith(first):
        return f"it does not start with {first.decode().strip()}"
    if name == "meta-data" and instance.encode() not in content:
        return "it is for another instance"
    return None


def _bundle(whole: _Place) -> Finding:
    content = whole.files.get(BUNDLE)
    if content is None:
        return Finding("bundle", False, "missing", AGAIN)
    with scratch_folder() as scratch:
        try:
            trusted = _trusted(whole, scratch)
            found = bundle_file.check(content, trusted)
            if whole.keys:
                bundle_file.check(content, whole.keys)
        except Refused as error:
            said = str(error).replace(f"{scratch}/", "")
            return Finding("bundle", False, said, "build the bundle again, then prepare the OS image again")
    manifest = found.manifest
    is_its = {"release": manifest.id, "python": manifest.python, "arch": manifest.arch}
    wrong = [key for key, value in is_its.items() if whole.image[key] != value]
    if wrong:
        return Finding("bundle", False, f"it does not match image.json: {', '.join(wrong)}", AGAIN)
    signed = f"signed with {found.signed_by.name}" if found.signed_by else "no signature required"
    return Finding("bundle", True, f"all {len(manifest.files)} files match the manifest; {signed}")


def _trusted(whole: _Place, scratch: Path) -> list[Path]:
    """Write the trusted keys to files and return their paths. Raises Refused."""
    names = _json(whole.files.get(DEVICE)).get("trust")
    if not isinstance(names, list) or not all(f"{FOLDER}/{name}" in whole.files for name in names):
        raise Refused("trusted keys listed in device.json are missing")
    paths = [scratch / str(name) for name in names]
    for path in paths:
        path.write_bytes(whole.files[f"{FOLDER}/{path.name}"])
    return paths


def _json(raw: bytes | None) -> dict[str, Any]:
    try:
        value = strict_json.loads(raw or b"", "it")
    except BadInput:
        return {}
    return value if isinstance(value, dict) else {}
