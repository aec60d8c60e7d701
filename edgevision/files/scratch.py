"""Temporary folders that are removed however the process ends, except by a kill."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import cleanup

PREFIX = "edgevision-"


@contextmanager
def scratch_folder(parent: Path | None = None, prefix: str = PREFIX) -> Iterator[Path]:
    """Create a folder that only this user can read, yield it and remove it with its content."""
    with (
        tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name,
        cleanup.at_once(lambda _: shutil.rmtree(name, ignore_errors=True)),
    ):
        yield Path(name)
