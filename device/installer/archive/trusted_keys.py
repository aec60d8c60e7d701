"""The keys that a device trusts, and those that it must never trust again.

    /etc/edgevision/keys/*.pem, *.pub      if there are any, every bundle must be signed with one of them
    /etc/edgevision/revoked_keys.txt       fingerprints of revoked keys, one per line

What cannot be understood in either place is refused, and not ignored: otherwise unsigned bundles would be accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.atomic_files import PART, place, place_text
from ..base.errors import Refused
from ..base.inside import inside
from ..base.regular_files import read_bytes
from .signature import public_key

KEYS = Path("etc/edgevision/keys")
REVOKED = Path("etc/edgevision/revoked_keys.txt")
SUFFIXES = (".pem", ".pub")
MAX_BYTES = 2**20
FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")
HEAD = "# Keys that are not trusted, even if they are in keys/: sha256 fingerprints, one per line.\n"


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The keys of a device."""

    usable: Mapping[str, Path]
    """Fingerprint -> file of each key that is not revoked."""
    revoked: frozenset[str]
    """Fingerprints of revoked keys."""

    def required(self, new: Sequence[Path] = ()) -> list[Path]:
        """Return the keys, one of which must have signed a bundle; empty: none has to. Raises Refused.

        ``new``: keys that the device gets with this bundle.
        """
        keys = [*new, *self.usable.values()]
        if not keys and self.revoked:
            raise Refused(
                "all keys of this device are revoked, so it accepts no bundle; give a new key with --trust KEY"
            )
        return keys


def read_keys(root: Path) -> TrustedKeys:
    """Return the keys of the device with this root. Raises Refused, OSError."""
    folder = inside(root, KEYS)
    revoked = read_revoked(root)
    if not folder.exists():
        return TrustedKeys({}, revoked)
    if not folder.is_dir():
        raise Refused(f"{folder} must be a folder of trusted keys; remove it, or make it a folder")
    usable: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") and entry.name.endswith(PART):
            continue  # left by an interrupted write
        found = _known(inside(root, KEYS / entry.name))
        if found not in revoked:
            usable.setdefault(found, entry)
    return TrustedKeys(usable, revoked)


def read_revoked(root: Path) -> frozenset[str]:
    """Return the fingerprints of the revoked keys. Raises Refused, OSError."""
    path = inside(root, REVOKED)
    try:
        text = read_bytes(path, MAX_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return frozenset()
    lines = [(number, line.partition("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1)]
    for number, line in lines:
        if line and not FINGERPRINT.fullmatch(line):
            raise Refused(f"{path}:{number}: expected sha256: and 64 hexadecimal digits, got {line!r:.80}; correct it")
    return frozenset(line for _, line in lines if line)


def additions(root: Path, sources: Sequence[Path]) -> dict[str, bytes]:
    """Return name -> content of the key files to add so that these keys are trusted. Raises Refused, OSError.

    A key is never replaced by another one of the same name, unless it is revoked.
    """
    known = read_keys(root)
    names = {path.name: found for found, path in known.usable.items()}
    wanted: dict[str, bytes] = {}
    for source in sources:
        data = read_bytes(source, MAX_BYTES)
        found = require_key(data, str(source))
        if found in known.revoked:
            raise Refused(f"{source}: this key is revoked on the device ({found}); use another key")
        if found in names.values():
            continue
        name = f"{source.name.removesuffix('.pem')}.pem"
        if name in names:
            raise Refused(
                f"{source}: the device trusts another key of this name ({KEYS / name}, {names[name]}); rename the file to "
                "trust both keys, or revoke the other one first: edgevision keys revoke"
            )
        names[name], wanted[name] = found, data
    return wanted


def add(root: Path, keys: Mapping[str, bytes]) -> None:
    """Write what ``additions`` returned; from now on every bundle must be signed with a trusted key. Raises OSError."""
    for name, data in keys.items():
        place(inside(root, KEYS / name, follow=False), data)


def place_key(root: Path, name: str, data: bytes) -> None:
    """Write a key file of an SD card without asking whether it is a key. Raises Refused for another one of its name."""
    path = inside(root, KEYS / f"{name.removesuffix('.pem')}.pem", follow=False)
    if path.is_file() and read_bytes(path) == data:
        return
    if path.exists() or path.is_symlink():
        raise Refused(f"the device already trusts another key of this name: {path}; remove it, or rename the new one")
    place(path, data)


def revoke(root: Path, fingerprints: Iterable[str]) -> frozenset[str]:
    """Add fingerprints to the revoked keys and return those that were not there. Raises Refused, OSError."""
    before = read_revoked(root)
    new = frozenset(fingerprints) - before
    if new:
        text = HEAD + "".join(f"{one}\n" for one in sorted(before | new))
        place_text(inside(root, REVOKED, follow=False), text)
    return new


def require_key(data: bytes, name: str) -> str:
    """Return the fingerprint of a public key; ``name``: for the message. Raises Refused."""
    found = public_key(data)
    if found is None:
        raise Refused(f"{name} is not a public key in PEM format (Ed25519); create one with: edgevision keys new")
    return found


def _known(path: Path) -> str:
    """Return the fingerprint of a file in the folder of keys. Raises Refused, OSError."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        raise Refused(
            f"{path} is not a key file, so it is unclear which keys are trusted; remove it (keys are files NAME.pem)"
        )
    found = public_key(read_bytes(path, MAX_BYTES))
    if found is None:
        raise Refused(f"{path} is not a public key in PEM format, so no bundle can be accepted; replace or remove it")
    return found
