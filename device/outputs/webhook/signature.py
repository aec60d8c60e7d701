"""HMAC signature of a request, and where its secret comes from."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from edgevision.errors import BadInput

VARIABLE = "EDGEVISION_WEBHOOK_SECRET"
CREDENTIAL = "webhook_secret"
"""Name of the systemd credential, a file in ``$CREDENTIALS_DIRECTORY``."""
MAX_BYTES = 4096


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return ``sha256=`` and the HMAC-SHA256 of timestamp, a dot and the body, in hexadecimal digits."""
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def read_secret(file: Path | None, environment: Mapping[str, str] = os.environ) -> bytes | None:
    """Return the secret of the given file, the environment or systemd; None without any. Raises BadInput."""
    if file is not None:
        return _read(file, private=True)
    if environment.get(VARIABLE):
        return environment[VARIABLE].encode("utf-8", "surrogateescape")
    folder = environment.get("CREDENTIALS_DIRECTORY")
    given = None if not folder else Path(folder) / CREDENTIAL
    return _read(given, private=False) if given is not None and given.exists() else None


def _read(path: Path, *, private: bool) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise BadInput(f"secret_file {path}: not a regular file")
            if private and mode & stat.S_IROTH:
                raise BadInput(f"secret_file {path}: readable by everybody; run: chmod 600 {path}")
            secret = stream.read(MAX_BYTES + 1).strip()
    except OSError as error:
        raise BadInput(f"secret_file {path}: {error.strerror or error}") from None
    if not secret or len(secret) > MAX_BYTES:
        raise BadInput(f"secret_file {path}: expected 1 to {MAX_BYTES} bytes")
    return secret
