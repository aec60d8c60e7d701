"""Bundles, as the installer reads them."""

from __future__ import annotations

import lzma
from pathlib import Path

from edgevision.device.installer.archive import manifest, verify


def read_manifest(data: bytes, folder: Path) -> None:
    """Parse a manifest; what is accepted is written and read again without a change."""
    found = manifest.parse(data)
    assert manifest.parse(found.dumps()) == found


def read_archive(data: bytes, folder: Path) -> None:
    """Verify a bundle of which the input is the tar archive."""
    path = folder / "bundle.tar.xz"
    path.write_bytes(lzma.compress(data, preset=0))
    verify.read(path)
