"""Build a bundle in the format of ``edgevision bundle``, with small stand-ins as content."""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
from collections.abc import Mapping
from pathlib import Path

from edgevision.device.bundle import keys
from edgevision.device.installer.archive.manifest import MANIFEST, SIGNATURE, Entry, Manifest, release_id

FILES = {
    "edgevision.service": b"[Unit]\nDescription=stand-in\n",
    "install.pyz": b"stand-in\n",
    "model.tflite": b"stand-in for a model\n" * 500,
    "run.toml": b'camera = "0"\nmodel = "model.tflite"\n',
    "wheels/edgevision-0.1.0-py3-none-any.whl": b"stand-in for a wheel\n" * 500,
}


def build(
    path: Path,
    python: str = "3.11",
    arch: str = "aarch64",
    sign: Path | None = None,
    padding: int = 0,
    files: Mapping[str, bytes] = FILES,
    number: int | None = None,
) -> Path:
    """Write a bundle; ``padding``: number of incompressible bytes to add, ``number``: release number."""
    files = dict(files)
    if padding:
        files["wheels/padding-1-py3-none-any.whl"] = b"".join(
            hashlib.sha256(number.to_bytes(8)).digest() for number in range(padding // 32)
        )
    files = dict(sorted(files.items()))
    entries = {name: Entry(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
    raw = Manifest(release_id("default", entries), python, arch, "0.1.0", entries, number).dumps()
    head = {MANIFEST: raw} | ({} if sign is None else {SIGNATURE: keys.sign(raw, sign)})
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in (head | files).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    path.write_bytes(lzma.compress(stream.getvalue(), preset=0))
    return path
