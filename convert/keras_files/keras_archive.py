"""Reader of the metadata of a ``.keras`` archive, without Keras; rejects malicious archives."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgevision.errors import BadModel
from edgevision.files import strict_json
from edgevision.files.scratch import scratch_folder
from edgevision.model_file.card import ENTRY

from . import hdf5_sandbox, other_formats
from .windows_names import entry_name, plain

MAGIC = b"PK\x03\x04"
MAX_ENTRIES = 1_000
MAX_TEXT = 64 << 20
"""Maximum size of a JSON entry in bytes; the largest keras.applications model has about 2 MB."""
MAX_TOTAL = 4 << 30
"""Maximum unpacked size of all entries in bytes."""
MAX_RATIO = 200
"""Maximum compression ratio of an entry; weights compress to about a half, JSON to a twentieth."""
WEIGHTS = "model.weights.h5"


@dataclass(frozen=True, slots=True)
class ZipContents:
    """Texts in a ``.keras`` archive."""

    config: str
    """JSON of the architecture."""
    keras_version: str | None
    card: str | None
    """JSON of the model card."""


def read(path: Path) -> ZipContents:
    """Read the texts of a ``.keras`` archive. Raises BadModel if it is corrupt or malicious."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive, path)
            names = {plain(name) for name in archive.namelist()}
            other = other_formats.archive(path, names)
            if other is not None:
                raise BadModel(other)
            if WEIGHTS not in names:
                raise BadModel(f"{path} is not a whole Keras model ({WEIGHTS} is missing); save it with model.save()")
            hdf5_sandbox.require_readable(path, entry_name(archive, WEIGHTS))
            return ZipContents(
                config=_entry(archive, "config.json", path),
                keras_version=_version(_entry(archive, "metadata.json", path)) if "metadata.json" in names else None,
                card=_entry(archive, ENTRY, path) if ENTRY in names else None,
            )
    except BadModel:
        raise
    # A corrupt archive raises BadZipFile, zlib.error, struct.error, NotImplementedError, EOFError and others.
    except Exception as error:
        raise BadModel(f"{path} is a corrupt .keras archive ({error}); copy or download it again") from None


def names(path: Path) -> frozenset[str]:
    """Return the names of the entries of a zip archive; empty if it is corrupt."""
    try:
        with zipfile.ZipFile(path) as archive:
            return frozenset(archive.namelist())
    # A corrupt archive raises BadZipFile, struct.error, NotImplementedError and others.
    except Exception:
        return frozenset()


def weight_bytes(path: Path) -> int:
    """Return the unpacked size in bytes of the weights of a checked archive."""
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(entry_name(archive, WEIGHTS)).file_size


@contextmanager
def weights_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file with only the weights of a checked archive."""
    with scratch_folder() as folder:
        made = folder / WEIGHTS
        with (
            zipfile.ZipFile(path) as archive,
            archive.open(entry_name(archive, WEIGHTS)) as source,
            made.open("wb") as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)
        yield made


def _check_entries(archive: zipfile.ZipFile, path: Path) -> None:
    entries = archive.infolist()
    if len({plain(entry.filename) for entry in entries}) < len(entries):
        raise BadModel(f"{path} has two entries with the same name: not a Keras model")
    if len(entries) > MAX_ENTRIES:
        raise BadModel(f"{path} has {len(entries)} entries: not a Keras model")
    if sum(entry.file_size for entry in entries) > MAX_TOTAL:
        raise BadModel(f"{path} unpacks to more than {MAX_TOTAL >> 30} GiB: too large for a small board")
    for entry in entries:
        if entry.flag_bits & 1:
            raise BadModel(f"{path}: {entry.filename} is encrypted; save the model without encryption")
        if entry.file_size > 1 << 20 and entry.file_size > MAX_RATIO * max(1, entry.compress_size):
            raise BadModel(f"{path}: {entry.filename} unpacks to {entry.file_size} bytes: a zip bomb, not a model")


def _entry(archive: zipfile.ZipFile, name: str, path: Path) -> str:
    with archive.open(entry_name(archive, name)) as stream:
        data = stream.read(MAX_TEXT + 1)
    if len(data) > MAX_TEXT:
        raise BadModel(f"{path}: {name} is larger than {MAX_TEXT >> 20} MiB: not a Keras model")
    return data.decode("utf-8")


def _version(text: str) -> str | None:
    value = strict_json.loads(text, "metadata.json")
    version = value.get("keras_version") if isinstance(value, dict) else None
    return version if isinstance(version, str) else None
