"""The password of a broker: from a file, the environment or a systemd credential, never from a command line."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from edgevision.errors import BadInput, MissingFile

VARIABLE = "EDGEVISION_MQTT_PASSWORD"
CREDENTIAL = "mqtt_password"
"""Name of the systemd credential, a file in ``$CREDENTIALS_DIRECTORY``."""
_MAX_BYTES = 65535


def read_password(file: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the password from the given file, the environment or a systemd credential; None if there is none.

    Raises BadInput, MissingFile.
    """
    if file is not None:
        return _of_file(file)
    if VARIABLE in environment:
        return environment[VARIABLE] or None
    folder = environment.get("CREDENTIALS_DIRECTORY")
    credential = Path(folder) / CREDENTIAL if folder else None
    return _of_file(credential) if credential is not None and credential.exists() else None


def _of_file(path: Path) -> str:
    """Return the first line of a file that only its owner and group can read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise MissingFile(f"password file not found: {path}") from None
    except OSError as error:
        raise BadInput(f"cannot read the password file {path}: {error.strerror}") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise BadInput(f"the password file {path} is not a regular file")
        if mode & 0o007:
            raise BadInput(f"everybody can read the password file {path}; run: chmod 600 {path}")
        line = os.read(descriptor, _MAX_BYTES + 1).split(b"\n", 1)[0].rstrip(b"\r")
    finally:
        os.close(descriptor)
    if not line or len(line) > _MAX_BYTES:
        raise BadInput(f"the password file {path} has no password on its first line")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise BadInput(f"the password file {path} is not UTF-8 text") from None
