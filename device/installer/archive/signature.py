"""Ed25519 by the openssl command, which Raspberry Pi OS has: no library has to be there before the first bundle."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import Refused

BYTES = 64
"""Of a signature."""
TIMEOUT_S = 60


def signer(message: bytes, signature: bytes | None, keys: Sequence[Path]) -> Path | None:
    """The public key (PEM) that the signature was made with; None where there are no keys to ask. Raises Refused."""
    if not keys:
        return None
    named = ", ".join(str(key) for key in keys)
    if signature is None:
        raise Refused(f"the bundle is not signed, and a signature is asked for here ({named}); sign it: --sign KEY")
    if len(signature) != BYTES:
        raise Refused(f"the signature has {len(signature)} bytes, not {BYTES}")
    with tempfile.TemporaryDirectory() as scratch:
        paths = [Path(scratch) / name for name in ("message", "signature")]
        paths[0].write_bytes(message)
        paths[1].write_bytes(signature)
        for key in keys:
            arguments = ("-verify", "-pubin", "-inkey", str(key), "-rawin", "-in", str(paths[0]))
            if openssl("pkeyutl", *arguments, "-sigfile", str(paths[1])).returncode == 0:
                return key
    raise Refused(f"the bundle's signature was made with none of the keys that are trusted here ({named})")


def require_public(key: Path) -> None:
    """That it is a public key (PEM), before a device trusts it. Raises Refused, OSError."""
    with key.open("rb") as stream:
        private = b"PRIVATE" in stream.read(1 << 16)
    if private or openssl("pkey", "-pubin", "-in", str(key), "-noout").returncode:
        raise Refused(f"{key} is no public key (PEM); edgevision keys new makes such")


def openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs it to its end. Raises Refused where there is none."""
    program = shutil.which("openssl")
    if program is None:
        raise Refused("openssl is not there; keys and signatures need it (Debian: apt install openssl)")
    return subprocess.run(
        [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False
    )
