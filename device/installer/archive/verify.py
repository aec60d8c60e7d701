"""Verify a bundle in one pass: the manifest, its signature, then every file against the manifest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..base.errors import Refused
from ..base.regular_files import open_regular
from . import signature
from .manifest import CONFIG, MANIFEST, MAX_BYTES, MAX_MANIFEST, SIGNATURE, Entry, Manifest, check_name, parse
from .tar_reader import CHUNK, Packed

SLACK = 2**22
"""Allowance in bytes for headers and padding."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A bundle whose content matches its manifest."""

    manifest: Manifest
    signature: bytes | None
    """Its signature; not verified if no keys were given. None: it has none."""
    signed_by: Path | None
    """Trusted key that verified the signature."""
    bytes: int
    """Size of the archive."""

    @property
    def signed(self) -> bool:
        """Whether it has a signature."""
        return self.signature is not None


def read(
    path: Path,
    keys: Sequence[Path] = (),
    into: Path | None = None,
    store: Mapping[str, Path] | None = None,
    skip: Collection[str] = (),
) -> Checked:
    """Verify a bundle; with ``into``, an empty folder, also unpack it there. Raises Refused, OSError.

    Nothing is written before the manifest and its signature are verified, and nothing outside ``into``. After an error
    the folder may hold some files and must be removed. ``store``: SHA-256 -> file of what the bundle may leave out,
    because this machine has it; such a file is checked when it is unpacked. ``skip``: names of those that are not needed.
    """
    with open_regular(path) as stream:
        return read_stream(stream, keys, into, store, skip)


def read_stream(
    stream: BinaryIO,
    keys: Sequence[Path] = (),
    into: Path | None = None,
    store: Mapping[str, Path] | None = None,
    skip: Collection[str] = (),
) -> Checked:
    """Verify a bundle from a stream, like ``read``; the stream is read to its end."""
    packed = Packed(stream, MAX_BYTES + MAX_MANIFEST + SLACK)
    raw = _small(packed, packed.next(), MANIFEST)
    following = packed.next()
    seal = None
    if following is not None and following[0] == SIGNATURE:
        seal = _small(packed, following, SIGNATURE)
        following = packed.next()
    found = parse(raw)
    signed_by = signature.signer(raw, seal, keys)
    if into is not None:
        (into / MANIFEST).write_bytes(raw)
    for name, entry in found.files.items():
        stored = (store or {}).get(entry.sha256)
        if stored is not None and (following is None or following[0] != name):
            if into is not None and name not in skip:
                _stored(stored, name, entry, into)
            continue
        _file(packed, following, name, entry, into)
        following = packed.next()
    if following is not None:
        raise Refused(f"{following[0]!r} is in the bundle twice or not listed in its manifest")
    return Checked(found, seal, signed_by, stream.tell())


def _created(path: Path) -> BinaryIO:
    """Create a file. The configuration may hold a camera's password: the installer decides who else reads it."""
    mode = 0o600 if path.name == CONFIG else 0o666
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")


def _small(packed: Packed, header: tuple[str, int] | None, name: str) -> bytes:
    """Return the content of a small file at the start of the bundle."""
    if header is None or header[0] != name:
        raise Refused(f"not a bundle: expected {name} as its first file, got {header[0] if header else 'nothing'!r}")
    if header[1] > MAX_MANIFEST:
        raise Refused(f"{name} has {header[1]} bytes; at most {MAX_MANIFEST} are allowed")
    return b"".join(packed.chunks(header[1]))


def _file(packed: Packed, header: tuple[str, int] | None, name: str, entry: Entry, into: Path | None) -> None:
    """Check that the next file is the next one of the manifest, and unpack it."""
    if header is None:
        raise Refused(f"{name} is missing from the bundle")
    check_name(header[0])
    if header[0] != name:
        raise Refused(f"the bundle does not match its manifest: expected file {name!r}, got {header[0]!r}")
    if header[1] != entry.bytes:
        raise Refused(f"{name} has {header[1]} bytes, but the manifest says {entry.bytes}")
    _copy(packed.chunks(entry.bytes), name, entry, into)


def _stored(stored: Path, name: str, entry: Entry, into: Path) -> None:
    """Check a file that the machine has already, and copy it."""
    try:
        with open_regular(stored) as stream:
            _copy(iter(lambda: stream.read(CHUNK), b""), name, entry, into)
    except Refused:
        raise Refused(
            f"{stored} is damaged, and the bundle leaves {name} out; send the whole bundle (--full)"
        ) from None


def _copy(chunks: Iterable[bytes], name: str, entry: Entry, into: Path | None) -> None:
    """Check the content of a file and, with ``into``, write it there."""
    digest = hashlib.sha256()
    with ExitStack() as stack:
        target = None
        if into is not None:
            place = into / name
            place.parent.mkdir(exist_ok=True)
            target = stack.enter_context(_created(place))
        for chunk in chunks:
            digest.update(chunk)
            if target is not None:
                target.write(chunk)
    if digest.hexdigest() != entry.sha256:
        raise Refused(f"{name} does not match the manifest: its sha256 differs; copy the bundle again")
