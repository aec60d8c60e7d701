"""Reads a bundle once from end to end: the manifest, its signature, then every file, checked before it counts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..base.errors import Refused
from . import signature
from .manifest import MANIFEST, MAX_BYTES, MAX_MANIFEST, SIGNATURE, Entry, Manifest, check_name, parse
from .tar_reader import Packed

SLACK = 2**22
"""For headers and padding."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A bundle of which every byte was as its manifest says."""

    manifest: Manifest
    signed: bool
    """Whether it carries a signature; without keys that is not looked at."""
    signed_by: Path | None
    """The trusted key that it was signed with."""
    bytes: int
    """Of the archive itself."""


def read(path: Path, keys: Sequence[Path] = (), into: Path | None = None) -> Checked:
    """Checks a bundle; with ``into``, an empty folder, also unpacks it there. Raises Refused, OSError.

    Nothing is written before the manifest and its signature are right, and nothing under a name that leads out of
    ``into``. A refusal may leave files there: the folder is to be thrown away.
    """
    with path.open("rb") as stream:
        return read_stream(stream, keys, into)


def read_stream(stream: BinaryIO, keys: Sequence[Path] = (), into: Path | None = None) -> Checked:
    """The same of a stream at its start, which is read to its end."""
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
        _file(packed, following, name, entry, into)
        following = packed.next()
    if following is not None:
        raise Refused(f"{following[0]!r} is in the bundle a second time, or its manifest does not list it")
    return Checked(found, seal is not None, signed_by, stream.tell())


def _small(packed: Packed, header: tuple[str, int] | None, name: str) -> bytes:
    """One of the two files at the start."""
    if header is None or header[0] != name:
        raise Refused(f"this is no bundle: it begins with {header[0] if header else 'nothing'!r}, not with {name}")
    if header[1] > MAX_MANIFEST:
        raise Refused(f"{name} has {header[1]} bytes, and at most {MAX_MANIFEST} make sense")
    return b"".join(packed.chunks(header[1]))


def _file(packed: Packed, header: tuple[str, int] | None, name: str, entry: Entry, into: Path | None) -> None:
    """The next file must be the next of the manifest, in all."""
    if header is None:
        raise Refused(f"{name} is missing from the bundle")
    check_name(header[0])
    if header[0] != name:
        raise Refused(f"the bundle holds {header[0]!r} where its manifest lists {name!r}")
    if header[1] != entry.bytes:
        raise Refused(f"{name} has {header[1]} bytes, and its manifest says {entry.bytes}")
    digest = hashlib.sha256()
    with ExitStack() as stack:
        target = None
        if into is not None:
            place = into / name
            place.parent.mkdir(exist_ok=True)
            target = stack.enter_context(place.open("xb"))
        for chunk in packed.chunks(entry.bytes):
            digest.update(chunk)
            if target is not None:
                target.write(chunk)
    if digest.hexdigest() != entry.sha256:
        raise Refused(f"{name} is not what the manifest says: its sha256 differs")
