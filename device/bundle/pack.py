"""The archive of a bundle: its manifest, its signature and its files, in reproducible bytes."""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Mapping
from pathlib import Path

from ..installer.archive.manifest import MANIFEST, SIGNATURE, Manifest
from . import keys

PRESET = 1
"""xz preset: wheels are already compressed, and a stronger preset takes three times as long to save 1 %."""


def head(manifest: Manifest, sign: Path | None) -> dict[str, bytes]:
    """Return manifest and signature as files; ``sign``: private key. Raises EdgeVisionError."""
    raw = manifest.dumps()
    return {MANIFEST: raw} | ({} if sign is None else {SIGNATURE: keys.sign(raw, sign)})


def pack(first: Mapping[str, bytes], files: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a bundle; ``first``: what ``head`` returned."""
    return lzma.compress(_tar({**first, **dict(sorted(files.items()))}), preset=PRESET)


def _tar(files: Mapping[str, bytes]) -> bytes:
    """Return a ustar archive of regular files without owners or dates, so that the bytes are reproducible."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()
