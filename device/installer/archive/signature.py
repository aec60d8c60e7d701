"""Ed25519 signatures with the openssl command, which Raspberry Pi OS includes, so no library is needed beforehand."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import Refused

BYTES = 64
"""Length of a signature."""
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Order of the group; the second half of a signature is a number below it (RFC 8032, section 5.1.7)."""
DER_HEAD = bytes.fromhex("302a300506032b6570032100")
"""Start of the DER SubjectPublicKeyInfo of an Ed25519 key (RFC 8410, section 4); 32 key bytes follow."""
TIMEOUT_S = 60


def check_form(signature: bytes) -> None:
    """Check what a signature must look like, whoever made it. Raises Refused."""
    if len(signature) != BYTES:
        raise Refused(f"invalid signature: expected {BYTES} bytes, got {len(signature)}; {_SIGN_AGAIN}")
    if not any(signature[:32]) or not 0 < int.from_bytes(signature[32:], "little") < ORDER:
        raise Refused(f"invalid signature: its bytes cannot be an Ed25519 signature; {_SIGN_AGAIN}")


def signer(message: bytes, signature: bytes | None, keys: Sequence[Path]) -> Path | None:
    """Return the public key (PEM) that verifies the signature; None if ``keys`` is empty. Raises Refused."""
    if signature is not None:
        check_form(signature)
    if not keys:
        return None
    named = ", ".join(str(key) for key in keys)
    if signature is None:
        raise Refused(f"the bundle is not signed, but must be signed with one of: {named}; rebuild it with --sign KEY")
    with tempfile.TemporaryDirectory() as scratch:
        paths = [Path(scratch) / name for name in ("message", "signature")]
        paths[0].write_bytes(message)
        paths[1].write_bytes(signature)
        for key in keys:
            arguments = ("-verify", "-pubin", "-inkey", str(key), "-rawin", "-in", str(paths[0]))
            if openssl("pkeyutl", *arguments, "-sigfile", str(paths[1])).returncode == 0:
                return key
    raise Refused(f"the bundle is signed with none of the trusted keys ({named}); rebuild it with --sign KEY")


def public_key(data: bytes) -> str | None:
    """Return the fingerprint of a public Ed25519 key in PEM format; None if ``data`` is anything else. Raises Refused."""
    if b"PRIVATE" in data:
        return None
    made = openssl("pkey", "-pubin", "-pubout", "-outform", "DER", given=data)
    return fingerprint(made.stdout) if made.returncode == 0 else None


def fingerprint(der: bytes) -> str | None:
    """Return ``sha256:`` and the hash of a public key's DER; None if it is not an Ed25519 key."""
    if not der.startswith(DER_HEAD) or len(der) != len(DER_HEAD) + 32:
        return None
    return "sha256:" + hashlib.sha256(der).hexdigest()


def openssl(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run openssl and return the finished process; ``given``: its standard input. Raises Refused if not installed."""
    program = shutil.which("openssl")
    if program is None:
        raise Refused("openssl not found; keys and signatures need it (Debian: apt install openssl)")
    try:
        return subprocess.run([program, *arguments], input=given, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise Refused(f"openssl {arguments[0]} did not finish within {TIMEOUT_S} s; try again") from None


_SIGN_AGAIN = "copy the bundle again, or build it again with --sign KEY"
