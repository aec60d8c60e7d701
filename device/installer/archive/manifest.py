"""manifest.json of a bundle: for which machine it is, and the size and sha256 of every file in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..base.errors import Refused

SCHEMA = "edgevision.bundle/1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
MODEL, CONFIG, UNIT, INSTALLER = "model.tflite", "run.toml", "edgevision.service", "install.pyz"
NEEDED = (CONFIG, INSTALLER, MODEL, UNIT)
WHEELS = "wheels/"
MAX_MANIFEST = 2**20
MAX_FILES = 1000
MAX_BYTES = 512 * 2**20
"""Of all files together: five times what a bundle should ever have."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)?")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}-[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a bundle."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself."""

    id: str
    """Name of the release: the model's name and 12 digits that stand for all files."""
    python: str
    """3.11 or 3.13: of the machine it is for."""
    arch: str
    """As ``uname -m`` has it."""
    version: str
    """Of edgevision."""
    files: Mapping[str, Entry]
    """All but the manifest and its signature, sorted by name."""

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(entry.bytes for entry in self.files.values())

    @property
    def wheels(self) -> list[str]:
        """Names of the wheels, sorted."""
        return [name for name in self.files if name.startswith(WHEELS)]

    def dumps(self) -> bytes:
        """The bytes of manifest.json, always the same for the same bundle."""
        value = {
            "schema": SCHEMA,
            "id": self.id,
            "python": self.python,
            "arch": self.arch,
            "edgevision": self.version,
            "files": {name: {"bytes": one.bytes, "sha256": one.sha256} for name, one in self.files.items()},
        }
        return (json.dumps(value, indent=1) + "\n").encode()


def release_id(name: str, files: Mapping[str, Entry]) -> str:
    """``name`` as it can be part of a folder's name, and the first 12 digits of a sha256 over all files' hashes."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:64].rstrip("-._") or "model"
    return f"{slug}-{_digest(files)}"


def parse(data: bytes) -> Manifest:
    """Raises Refused for everything that ``dumps`` would not have written."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Refused(f"{MANIFEST} is no JSON") from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        given = value.get("schema") if isinstance(value, dict) else value
        raise Refused(
            f"{MANIFEST} is of another kind: schema {given!r:.60}, not {SCHEMA!r}; use an edgevision that fits"
        )
    texts = [value.get(key) for key in ("id", "python", "arch", "edgevision")]
    if not all(isinstance(text, str) and 0 < len(text) <= 100 and text.isprintable() for text in texts):
        raise Refused(f"{MANIFEST} lacks id, python, arch or edgevision")
    name, python, arch, version = map(str, texts)
    files = _files(value.get("files"))
    found = Manifest(name, python, arch, version, files)
    if not _ID.fullmatch(found.id) or not found.id.endswith(f"-{_digest(files)}"):
        raise Refused(f"{MANIFEST}: the id {found.id!r} is not that of these files")
    return found


def check_name(name: str) -> str:
    """The name, if it is one that stays in its folder. Raises Refused."""
    if name.startswith("/") or ".." in name.split("/"):
        raise Refused(f"the file name {name!r} leads out of the bundle's folder")
    if not _NAME.fullmatch(name) or len(name) > 200:
        raise Refused(f"the file name {name!r:.250} is none that a bundle has")
    return name


def _files(value: Any) -> dict[str, Entry]:
    if not isinstance(value, dict) or not 0 < len(value) <= MAX_FILES:
        raise Refused(f"{MANIFEST} must list 1 to {MAX_FILES} files")
    files = {check_name(name): _entry(name, entry) for name, entry in value.items()}
    if list(files) != sorted(files) or {MANIFEST, SIGNATURE} & set(files):
        raise Refused(f"{MANIFEST} must list the files other than itself, sorted")
    missing = [name for name in NEEDED if name not in files]
    if missing:
        raise Refused(f"{MANIFEST} lists no {', '.join(missing)}")
    if sum(entry.bytes for entry in files.values()) > MAX_BYTES:
        raise Refused(f"the files of the bundle take more than {MAX_BYTES // 2**20} MiB")
    return files


def _entry(name: str, value: Any) -> Entry:
    size, digest = (value.get("bytes"), value.get("sha256")) if isinstance(value, dict) else (None, None)
    if type(size) is not int or not 0 <= size <= MAX_BYTES:
        raise Refused(f"{MANIFEST}: {name} has an impossible size: {size!r:.40}")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise Refused(f"{MANIFEST}: {name} has no sha256")
    return Entry(size, digest)


def _digest(files: Mapping[str, Entry]) -> str:
    lines = [f"{entry.sha256} {entry.bytes} {name}\n" for name, entry in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]
