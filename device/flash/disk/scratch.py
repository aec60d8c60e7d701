"""Temporary folder for the OS image that is prepared before writing an SD card."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgevision.errors import CannotWrite
from edgevision.files import scratch

PREFIX = "edgevision-card-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Create a private folder that is removed when the block ends; leftovers of killed processes are removed first.

    It is in TMPDIR or else in /var/tmp, since /tmp is often in memory. Raises CannotWrite.
    """
    above = Path(os.environ.get("TMPDIR") or ("/var/tmp" if Path("/var/tmp").is_dir() else tempfile.gettempdir()))
    if not os.access(above, os.W_OK | os.X_OK):
        raise CannotWrite(f"cannot write the temporary OS image to {above}; set TMPDIR to another folder")
    _remove_leftovers(above)
    with scratch.scratch_folder(above, PREFIX) as folder:
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(handle)


def _remove_leftovers(above: Path) -> None:
    """Remove our folders that no running process has locked."""
    for folder in above.glob(f"{PREFIX}*"):
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(handle).st_uid == os.geteuid():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
