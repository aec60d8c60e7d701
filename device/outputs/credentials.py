"""Files that outputs read, such as one with a password: a service reads them as credentials of systemd.

Only root can read such a file, and the service has a user of its own: systemd hands it a copy (systemd.exec(5), CREDENTIALS).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.settings import settings_of

from .registry import find

if TYPE_CHECKING:
    from .config import OutputConfig


def input_files(config: OutputConfig) -> tuple[Path, ...]:
    """Return the files that an output reads: the paths among its settings that it does not write."""
    written = find(config.kind).needs(config).writes
    own: type = type(config.settings)
    paths = [getattr(config.settings, name) for name, one in settings_of(own).items() if one.kind == "path"]
    return tuple(path for path in paths if path is not None and str(path) not in written)


def credential_name(path: Path) -> str:
    """Return the name under which systemd hands a file to the service."""
    return f"output-{hashlib.sha256(os.fsencode(os.path.normpath(path))).hexdigest()[:16]}"


def handed_over(path: Path) -> Path:
    """Return the copy that systemd made of a file for this process; without one, the file itself."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return path
    copy = Path(folder) / credential_name(path)
    try:
        return copy if copy.stat().st_size > 1 else path  # one byte: the unit's stand-in for a missing file
    except OSError:
        return path
