"""Ed25519 keys for signing bundles: PEM files, created and used by the openssl command."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from edgevision.errors import BadInput, CannotWrite, EdgeVisionError, MissingDependency, OutputExists
from edgevision.files.atomic import require_absent, require_file, write_bytes

from ..installer.archive.signature import BYTES, openssl
from ..installer.base.errors import Refused

DER_HEAD = bytes.fromhex("302a300506032b6570032100")
"""Start of the DER SubjectPublicKeyInfo of an Ed25519 key (RFC 8410, section 4); 32 key bytes follow."""


def public_path(private: Path) -> Path:
    """Return the path of the public key of a private key: NAME.pem -> NAME.pub.pem."""
    return private.with_name(private.name.removesuffix(".pem") + ".pub.pem")


def new(private: Path) -> Path:
    """Create a key pair: a private key readable by its owner only, with the public key beside it.

    Returns the path of the public key. Raises EdgeVisionError.
    """
    public = public_path(private)
    for path in (private, public):
        if path.exists() and not path.is_dir():
            raise OutputExists(f"{path} already exists, and keys are never overwritten; choose another name")
        require_absent(path, False, "FILE")
    key = _openssl("genpkey", "-algorithm", "ed25519")
    try:
        private.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CannotWrite(f"cannot write {private}: {error.strerror}") from None
    with os.fdopen(handle, "wb") as stream:
        stream.write(key)
    write_bytes(public, _openssl("pkey", "-in", str(private), "-pubout"))
    return public


def fingerprint(path: Path) -> str:
    """Return ``sha256:`` and the hash of the public key's DER, given either key of a pair. Raises MissingFile, BadInput."""
    require_file(path, "key")
    for half in ((), ("-pubin",)):
        try:
            der = _openssl("pkey", *half, "-in", str(path), "-pubout", "-outform", "DER")
        except BadInput:
            continue
        if der.startswith(DER_HEAD) and len(der) == len(DER_HEAD) + 32:
            return "sha256:" + hashlib.sha256(der).hexdigest()
        raise BadInput(f"{path} is not an Ed25519 key; create one with: edgevision keys new")
    raise BadInput(f"{path} is not a PEM key without a password; create one with: edgevision keys new")


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


def _openssl(*arguments: str) -> bytes:
    try:
        done = openssl(*arguments)
    except Refused as error:
        raise MissingDependency(str(error)) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise BadInput(f"openssl {arguments[0]} failed: {lines[0] if lines else 'no reason given'}")
    return done.stdout
