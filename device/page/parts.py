"""What the page knows of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.records import record

from ..system.clock import SYSTEM, Clock
from .access import Access
from .clips import PageClips
from .collected import Collected
from .history import History
from .lessons import Lessons
from .live import Live
from .metrics import PageMetrics
from .shared_model import SharedModel

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ..outputs.counts import Counts
    from ..stream.control import LoopControl
    from ..telemetry.snapshot import Snapshot

SaveSettings = Callable[[dict[str, Any]], Path]
"""Writes settings into the configuration file of the run; returns its path. Raises EdgeVisionError."""


@record(eq=False, kw_only=True)
class Parts:
    """The parts of a run that the page shows and changes."""

    name: str
    """Name of this camera."""
    source: str
    """Spec of the camera, without secrets."""
    model: SharedModel
    live: Live
    control: LoopControl
    snapshot: Callable[[], Snapshot]
    access: Access
    collected: Collected
    clips: PageClips
    counts: Counts | None
    """What lines and zones count; None: the model finds no objects."""
    lessons: Lessons
    history: History
    metrics: PageMetrics | None
    """None: the library is not installed."""
    save_settings: SaveSettings | None
    """None: the run has no configuration file."""
    settings_file: str | None
    """The configuration file of the run."""
    labeling: ASGIApp | None = None
    """The labeling page, served at /label/; None: there is none."""
    clock: Clock = SYSTEM
