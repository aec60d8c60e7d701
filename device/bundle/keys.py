"""Ed25519 keys for signing bundles: PEM files, created and used by the openssl command."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgevision.errors import BadInput, CannotWrite, EdgeVisionError, MissingDependency, OutputExists
from edgevision.files.atomic import require_absent, write_new
from edgevision.input_file import read_file

from ..installer.archive import signature, trusted_keys
from ..installer.archive.signature import BYTES, openssl
from ..installer.base.errors import Refused

MAX_KEY_BYTES = 100_000
"""Size limit of a key file; a key has about 120 bytes."""


def public_path(private: Path) -> Path:
    """Return the path of the public key of a private key: NAME.pem -> NAME.pub.pem."""
    return private.with_name(private.name.removesuffix(".pem") + ".pub.pem")


def new(private: Path) -> Path:
    """Create a key pair: a private key readable by its owner only, with the public key beside it.

    Returns the path of the public key. Raises EdgeVisionError.
    """
    public = public_path(private)
    for path in (private, public):
        if path.exists() and not path.is_dir() and not _empty(path):
            raise OutputExists(f"{path} already exists, and keys are never overwritten; choose another name")
        require_absent(path, _empty(path), "FILE")
    key = _openssl("genpkey", "-algorithm", "ed25519")
    other = _openssl("pkey", "-pubout", given=key)
    write_new(private, key, private=True)
    try:
        write_new(public, other)
    except EdgeVisionError:
        private.unlink(missing_ok=True)  # half a pair would be in the way of the next attempt
        raise
    return public


def _empty(path: Path) -> bool:
    """Return whether a file holds nothing, so that it can be replaced: what earlier versions left on a full disk."""
    return path.is_file() and path.stat().st_size == 0


def fingerprint(path: Path) -> str:
    """Return ``sha256:`` and the hash of the public key's DER, given either key of a pair. Raises MissingFile, BadInput."""
    other = f"{path} is not a PEM key without a password; create one with: edgevision keys new"
    try:
        data = read_file(path, "key", MAX_KEY_BYTES)
    except BadInput:  # too large
        raise BadInput(other) from None
    for half in ((), ("-pubin",)):
        try:
            der = _openssl("pkey", *half, "-pubout", "-outform", "DER", given=data)
        except BadInput:
            continue
        found = signature.fingerprint(der)
        if found is not None:
            return found
        raise BadInput(f"{path} is not an Ed25519 key; create one with: edgevision keys new")
    raise BadInput(other)


def revoke(root: Path, key: str) -> tuple[str, bool]:
    """Revoke a key on the device with this root; ``key``: file of either half of the pair, or its fingerprint.

    Returns the fingerprint and whether a usable key is left. Raises EdgeVisionError.
    """
    found = key if trusted_keys.FINGERPRINT.fullmatch(key) else fingerprint(Path(key))
    done = ""
    try:
        trusted_keys.revoke(root, [found])
        done = f"revoked {found}, but "
        return found, bool(trusted_keys.read_keys(root).usable)
    except Refused as error:
        raise BadInput(f"{done}{error}") from None
    except OSError as error:
        raise CannotWrite(f"cannot write {root / trusted_keys.REVOKED}: {error.strerror or error}") from None


def is_private(path: Path) -> bool:
    """Return whether the file is a private key."""
    try:
        _openssl("pkey", "-in", str(path), "-noout")
    except BadInput:
        return False
    return True


def require_public(path: Path) -> None:
    """Check that a file is a public key. Raises MissingFile, BadInput."""
    fingerprint(path)
    if is_private(path):
        raise BadInput(f"{path} is a private key, which must never be put on a device; use {public_path(path)}")


def require_private(path: Path) -> None:
    """Check that a file is a private key. Raises MissingFile, BadInput."""
    fingerprint(path)
    if not is_private(path):
        raise BadInput(f"{path} is a public key; bundles are signed with the private key")


def sign(message: bytes, private: Path) -> bytes:
    """Return the 64-byte signature of a message; deterministic (RFC 8032). Raises MissingFile, BadInput."""
    require_private(private)
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(message)
        stream.flush()
        made = _openssl("pkeyutl", "-sign", "-inkey", str(private), "-rawin", "-in", stream.name)
    if len(made) != BYTES:
        raise EdgeVisionError(f"openssl returned a signature of {len(made)} bytes; expected {BYTES}")
    return made


def _openssl(*arguments: str, given: bytes = b"") -> bytes:
    try:
        done = openssl(*arguments, given=given)
    except Refused as error:
        raise MissingDependency(str(error)) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise BadInput(f"openssl {arguments[0]} failed: {lines[0] if lines else 'no reason given'}")
    return done.stdout
