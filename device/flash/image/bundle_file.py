"""A bundle read into memory, as it goes onto a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from edgevision.errors import BadInput
from edgevision.files.atomic import refuse_pipe, require_file

from ...installer.archive.manifest import CONFIG, MAX_BYTES, Manifest
from ...installer.archive.tar_reader import Packed
from ...installer.archive.verify import Checked, read_stream
from ...installer.base.errors import Refused


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A bundle of which every byte was checked."""

    content: bytes
    manifest: Manifest
    run_toml: bytes
    """Its configuration."""


def load(path: Path, keys: Sequence[Path] = ()) -> BundleFile:
    """``keys``: public keys of which one must have signed it. Raises MissingFile, BadInput."""
    refuse_pipe(path, "bundle")
    if require_file(path, "bundle").stat().st_size > MAX_BYTES:
        raise BadInput(f"{path} is no bundle: it is larger than any; edgevision bundle MODEL makes one")
    content = path.read_bytes()
    try:
        found = check(content, keys)
        return BundleFile(content, found.manifest, _one(content, CONFIG))
    except Refused as error:
        raise BadInput(f"{path}: {error}") from None


def check(content: bytes, keys: Sequence[Path] = ()) -> Checked:
    """As the device checks it. Raises Refused."""
    return read_stream(BytesIO(content), keys)


def _one(content: bytes, name: str) -> bytes:
    """A file of a bundle that was checked."""
    packed = Packed(BytesIO(content), 2**40)
    while (header := packed.next()) is not None:
        found = b"".join(packed.chunks(header[1]))
        if header[0] == name:
            return found
    raise Refused(f"{name} is missing from the bundle")
