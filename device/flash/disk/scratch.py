"""A folder for the one large file that is made on the way to a card; nothing of it stays."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgevision.errors import CannotWrite

PREFIX = "edgevision-card-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Readable by nobody else, and gone when the block ends; what a kill left is removed by the next one.

    In TMPDIR, or else in /var/tmp, since /tmp is often in memory. Raises CannotWrite.
    """
    above = Path(os.environ.get("TMPDIR") or ("/var/tmp" if Path("/var/tmp").is_dir() else tempfile.gettempdir()))
    if not os.access(above, os.W_OK | os.X_OK):
        raise CannotWrite(f"cannot make the image in {above}; TMPDIR names another folder for it")
    _remove_leftovers(above)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=above) as name:
        handle = os.open(name, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(handle)


def _remove_leftovers(above: Path) -> None:
    """Folders of ours that no living process has locked."""
    for folder in above.glob(f"{PREFIX}*"):
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(handle).st_uid == os.geteuid():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
