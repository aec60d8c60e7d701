"""How images come from a device: rsync over ssh or, where one side lacks it, sftp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from edgevision.errors import EdgeVisionError

from . import ssh
from .remote_image import ListedFile, RemoteImage
from .ssh import Login


class Transport(Protocol):
    """A way to list and to fetch."""

    name: str

    def listing(self) -> list[ListedFile]:
        """List the files below the folder. Raises EdgeVisionError."""

    def fetch(self, images: Sequence[RemoteImage], into: Path, step: Callable[[int], None]) -> EdgeVisionError | None:
        """Write images to ``into``/LABEL/NAME, an empty folder.

        ``step`` receives the number of bytes there. Returns why not all of them are complete. Raises BadInput if the
        device sends more than it listed.
        """


def batch_bytes(images: Sequence[RemoteImage]) -> int:
    """Return how many bytes a fetch of these images may write; a little more than was listed."""
    return sum(one.bytes for one in images) * 11 // 10 + 1_000_000


def failure(login: Login, finished: ssh.Finished) -> EdgeVisionError | None:
    """Return the error of a command that failed, else None."""
    return None if finished.code == 0 else ssh.problem(login, finished.err)
