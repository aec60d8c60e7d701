"""Ed25519 signatures with the openssl command, which Raspberry Pi OS includes, so no library is needed beforehand."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import Refused

BYTES = 64
"""Length of a signature."""
TIMEOUT_S = 60


def signer(message: bytes, signature: bytes | None, keys: Sequence[Path]) -> Path | None:
    """Return the public key (PEM) that verifies the signature; None if ``keys`` is empty. Raises Refused."""
    if not keys:
        return None
    named = ", ".join(str(key) for key in keys)
    if signature is None:
        raise Refused(f"the bundle is not signed, but must be signed with one of: {named}; rebuild it with --sign KEY")
    if len(signature) != BYTES:
        raise Refused(f"invalid signature: expected {BYTES} bytes, got {len(signature)}")
    with tempfile.TemporaryDirectory() as scratch:
        paths = [Path(scratch) / name for name in ("message", "signature")]
        paths[0].write_bytes(message)
        paths[1].write_bytes(signature)
        for key in keys:
            arguments = ("-verify", "-pubin", "-inkey", str(key), "-rawin", "-in", str(paths[0]))
            if openssl("pkeyutl", *arguments, "-sigfile", str(paths[1])).returncode == 0:
                return key
    raise Refused(f"the bundle is signed with none of the trusted keys ({named}); rebuild it with --sign KEY")


def require_public(key: Path) -> None:
    """Check that a file is a public key (PEM) before a device trusts it. Raises Refused, OSError."""
    with key.open("rb") as stream:
        private = b"PRIVATE" in stream.read(1 << 16)
    if private or openssl("pkey", "-pubin", "-in", str(key), "-noout").returncode:
        raise Refused(f"{key} is not a public key in PEM format; create one with: edgevision keys new")


def openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run openssl and return the finished process. Raises Refused if openssl is not installed."""
    program = shutil.which("openssl")
    if program is None:
        raise Refused("openssl not found; keys and signatures need it (Debian: apt install openssl)")
    return subprocess.run(
        [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False
    )
