"""Ed25519 keys that bundles are signed with: PEM files, made and used by openssl."""

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
"""SubjectPublicKeyInfo of Ed25519 (RFC 8410, section 4); the 32 bytes of the key follow."""


def public_path(private: Path) -> Path:
    """NAME.pem -> NAME.pub.pem"""
    return private.with_name(private.name.removesuffix(".pem") + ".pub.pem")


def new(private: Path) -> Path:
    """Makes a pair: the private key, for nobody but its owner, and the public one beside it. Raises EdgeVisionError."""
    public = public_path(private)
    for path in (private, public):
        if path.exists() and not path.is_dir():
            raise OutputExists(f"{path} exists, and a key is never replaced; give another name")
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
    """``sha256:`` and the digits over the public key's DER, of either half of a pair. Raises MissingFile, BadInput."""
    require_file(path, "key")
    for half in ((), ("-pubin",)):
        try:
            der = _openssl("pkey", *half, "-in", str(path), "-pubout", "-outform", "DER")
        except BadInput:
            continue
        if der.startswith(DER_HEAD) and len(der) == len(DER_HEAD) + 32:
            return "sha256:" + hashlib.sha256(der).hexdigest()
        raise BadInput(f"{path} is a key of another kind; edgevision keys new makes Ed25519 keys")
    raise BadInput(f"{path} is no key without a password in PEM form; edgevision keys new makes such")


def is_private(path: Path) -> bool:
    """Whether the file is the half that signs."""
    try:
        _openssl("pkey", "-in", str(path), "-noout")
    except BadInput:
        return False
    return True


def require_public(path: Path) -> None:
    """That a file is the half which is given away. Raises MissingFile, BadInput."""
    fingerprint(path)
    if is_private(path):
        raise BadInput(f"{path} is a private key, which must never get on a device; give {public_path(path)}")


def require_private(path: Path) -> None:
    """That a file is the half that signs. Raises MissingFile, BadInput."""
    fingerprint(path)
    if not is_private(path):
        raise BadInput(f"{path} is a public key; bundles are signed with the private one")


def sign(message: bytes, private: Path) -> bytes:
    """64 bytes, always the same for the same message and key (RFC 8032). Raises MissingFile, BadInput."""
    require_private(private)
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(message)
        stream.flush()
        made = _openssl("pkeyutl", "-sign", "-inkey", str(private), "-rawin", "-in", stream.name)
    if len(made) != BYTES:
        raise EdgeVisionError(f"openssl made a signature of {len(made)} bytes, not {BYTES}")
    return made


def _openssl(*arguments: str) -> bytes:
    try:
        done = openssl(*arguments)
    except Refused as error:
        raise MissingDependency(str(error)) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise BadInput(f"openssl {arguments[0]} failed: {lines[0] if lines else 'it does not say why'}")
    return done.stdout
