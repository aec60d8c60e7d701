"""manifest.json of a bundle: the target machine, and the size and SHA-256 of every file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..base import strict_json
from ..base.errors import Refused
from ..base.loop import UNNAMED, Loop, loop_of_unit

SCHEMA = "edgevision.bundle/1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
MODEL, CONFIG, INSTALLER = "model.tflite", "run.toml", "install.pyz"
UNIT = UNNAMED.unit
"""The unit of the loop without a name. A bundle belongs to the loop whose unit it holds, and the name is signed with it."""
SECOND_MODEL = "then.tflite"
"""Classifier of the objects that the model finds, if the configuration has one."""
NEEDED = (CONFIG, INSTALLER, MODEL, UNIT)
"""Files of every bundle; that for a loop with a name has another unit."""
WHEELS = "wheels/"
MAX_MANIFEST = 2**20
MAX_FILES = 1000
MAX_BYTES = 512 * 2**20
"""Largest total size of all files in bytes: five times the size limit of a bundle."""
MAX_NUMBER = 2**53 - 1
"""Largest release number: what every JSON reader keeps exactly."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)?")
RELEASE_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}-[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """Manifest entry of one file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Content of manifest.json."""

    id: str
    """Release ID: the model's name and 12 digits of a hash over all files."""
    python: str
    """Python version of the target machine: 3.11 or 3.13."""
    arch: str
    """Architecture of the target machine, as printed by ``uname -m``."""
    version: str
    """Version of edgevision."""
    files: Mapping[str, Entry]
    """All files except the manifest and its signature, sorted by name."""
    number: int | None = None
    """Release number, which grows from release to release; None: not given."""

    @property
    def model_name(self) -> str:
        """The model's name in the release ID."""
        return self.id.rpartition("-")[0]

    @property
    def total(self) -> int:
        """Total size of all files in bytes."""
        return sum(entry.bytes for entry in self.files.values())

    @property
    def loop(self) -> Loop:
        """The loop that it is for."""
        return _loops(self.files)[0]

    @property
    def wheels(self) -> list[str]:
        """Sorted names of the wheels."""
        return [name for name in self.files if name.startswith(WHEELS)]

    def dumps(self) -> bytes:
        """Return the bytes of manifest.json; reproducible."""
        value: dict[str, Any] = {
            "schema": SCHEMA,
            "id": self.id,
            **({} if self.number is None else {"number": self.number}),
            "python": self.python,
            "arch": self.arch,
            "edgevision": self.version,
            "files": {name: {"bytes": one.bytes, "sha256": one.sha256} for name, one in self.files.items()},
        }
        return (json.dumps(value, indent=1) + "\n").encode()


def release_id(name: str, files: Mapping[str, Entry]) -> str:
    """Return ``name`` reduced to safe characters, and the first 12 digits of a SHA-256 over the hashes of all files."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:64].rstrip("-._") or "model"
    return f"{slug}-{_digest(files)}"


def parse(data: bytes) -> Manifest:
    """Parse manifest.json. Raises Refused for anything that ``dumps`` would not write."""
    try:
        value = strict_json.loads(data, MAX_MANIFEST)
    except ValueError as error:
        raise Refused(f"{MANIFEST} is not valid JSON: {error}") from None
    return parse_value(value)


def parse_value(value: Any) -> Manifest:
    """Check the value of manifest.json. Raises Refused for anything that ``dumps`` would not write."""
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        given = value.get("schema") if isinstance(value, dict) else value
        raise Refused(
            f"{MANIFEST}: expected schema {SCHEMA!r}, got {given!r:.60}; use the edgevision version that made the bundle"
        )
    texts = [value.get(key) for key in ("id", "python", "arch", "edgevision")]
    if not all(isinstance(text, str) and 0 < len(text) <= 100 and text.isprintable() for text in texts):
        raise Refused(f"{MANIFEST}: id, python, arch or edgevision is missing or invalid")
    name, python, arch, version = map(str, texts)
    files = _files(value.get("files"))
    number = value.get("number")
    if number is not None and (type(number) is not int or not 0 < number <= MAX_NUMBER):
        raise Refused(f"{MANIFEST}: expected a release number from 1 to {MAX_NUMBER}, got {number!r:.40}")
    found = Manifest(name, python, arch, version, files, number)
    if not RELEASE_ID.fullmatch(found.id) or not found.id.endswith(f"-{_digest(files)}"):
        raise Refused(f"{MANIFEST}: the id {found.id!r} does not match the listed files")
    return found


def check_name(name: str) -> str:
    """Return the name if it is a valid path inside the bundle's folder. Raises Refused."""
    if name.startswith("/") or ".." in name.split("/"):
        raise Refused(f"corrupt or malicious bundle: file name {name!r} points outside its folder")
    if not _NAME.fullmatch(name) or len(name) > 200:
        raise Refused(f"invalid file name in the bundle: {name!r:.250}")
    return name


def _files(value: Any) -> dict[str, Entry]:
    if not isinstance(value, dict) or not 0 < len(value) <= MAX_FILES:
        raise Refused(f"{MANIFEST} must list between 1 and {MAX_FILES} files")
    files = {check_name(name): _entry(name, entry) for name, entry in value.items()}
    if list(files) != sorted(files) or {MANIFEST, SIGNATURE} & set(files):
        raise Refused(f"{MANIFEST} must list the files in sorted order, without itself and its signature")
    found = _loops(files)
    missing = [name for name in NEEDED if name not in files and not (name == UNIT and found)]
    if len(found) > 1:
        raise Refused(f"{MANIFEST} lists the units of more than one loop")
    if missing:
        raise Refused(f"{MANIFEST} does not list {', '.join(missing)}")
    if sum(entry.bytes for entry in files.values()) > MAX_BYTES:
        raise Refused(f"the bundle unpacks to more than {MAX_BYTES // 2**20} MiB")
    return files


def _loops(files: Iterable[str]) -> list[Loop]:
    """Return the loops whose units are among the files."""
    return [loop for name in files if (loop := loop_of_unit(name)) is not None]


def _entry(name: str, value: Any) -> Entry:
    size, digest = (value.get("bytes"), value.get("sha256")) if isinstance(value, dict) else (None, None)
    if type(size) is not int or not 0 <= size <= MAX_BYTES:
        raise Refused(f"{MANIFEST}: invalid size of {name}: {size!r:.40}")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise Refused(f"{MANIFEST}: invalid or missing sha256 of {name}")
    return Entry(size, digest)


def _digest(files: Mapping[str, Entry]) -> str:
    lines = [f"{entry.sha256} {entry.bytes} {name}\n" for name, entry in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]
