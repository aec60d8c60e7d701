"""Files and folders: every frame is delivered, and the next ones are decoded while the model runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..handoff import Handoff
from .threaded import ThreadedCamera

if TYPE_CHECKING:
    from ..protocols import Reader

DEPTH = 2
"""Maximum number of decoded frames waiting; a 12-megapixel photo is 36 MB."""


class EveryFrame(ThreadedCamera):
    """Drops nothing: the reading thread waits if the loop is slower."""

    live = False
    dropped = 0

    def __init__(self, reader: Reader, depth: int = DEPTH) -> None:
        super().__init__(reader, Handoff(depth, newest_wins=False))
