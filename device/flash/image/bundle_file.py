"""A verified bundle in memory, to be written to an SD card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from edgevision.errors import BadInput
from edgevision.input_file import read_file, require_file

from ...installer.archive.manifest import CONFIG, MAX_BYTES, Manifest
from ...installer.archive.tar_reader import Packed
from ...installer.archive.verify import Checked, read_stream
from ...installer.base.errors import Refused
from ...installer.base.loop import UNNAMED


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A verified bundle."""

    content: bytes
    manifest: Manifest
    run_toml: bytes
    """Content of its run.toml."""


def load(path: Path, keys: Sequence[Path] = ()) -> BundleFile:
    """Read and verify a bundle; ``keys``: public keys, one of which must have signed it. Raises MissingFile, BadInput."""
    if require_file(path, "bundle").stat().st_size > MAX_BYTES:
        raise BadInput(
            f"{path} is not a bundle: larger than {MAX_BYTES // 2**20} MiB; create one with: edgevision bundle MODEL"
        )
    content = read_file(path, "bundle", MAX_BYTES)
    try:
        found = check(content, keys)
        if found.manifest.loop != UNNAMED:
            raise Refused(
                f"a bundle for {found.manifest.loop.service}; an SD card starts with the loop without a name: "
                "build the bundle without --name, and deploy this one later"
            )
        return BundleFile(content, found.manifest, _one(content, CONFIG))
    except Refused as error:
        raise BadInput(f"{path}: {error}") from None


def check(content: bytes, keys: Sequence[Path] = ()) -> Checked:
    """Verify a bundle as the device does. Raises Refused."""
    return read_stream(BytesIO(content), keys)


def _one(content: bytes, name: str) -> bytes:
    """Return one file of a verified bundle."""
    packed = Packed(BytesIO(content), 2**40)
    while (header := packed.next()) is not None:
        found = b"".join(packed.chunks(header[1]))
        if header[0] == name:
            return found
    raise Refused(f"{name} is missing from the bundle")
