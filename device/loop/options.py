"""Options of one run of the loop, from the command line and the configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..stream.request import CaptureRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of ``edgevision run``; its help describes each."""

    model: Path | None = None
    """None: the newest converted one."""
    camera: str | None = None
    source: str | None = None
    """At most one of camera and source; neither: camera 0."""
    wanted: CaptureRequest
    top: int = 5
    threshold: float | None = None
    smooth: int = 1
    on_motion: bool = False
    masks: bool = False
    engine: str = "auto"
    limit: int | None = None
    threads: int | None = None
    as_json: bool = False
    events: bool = False
    """Whether events go to stdout, among the results."""
    quiet: bool = False
    summary: Path | None = None
    contact_sheet: Path | None = None
    collect: Path | None = None
    collect_quota: int = 500_000_000
    """Maximum bytes of collected photos."""
    state: Path | None = None
    """None: the default state folder."""
    overwrite: bool = False
    runs: Path = Path("runs")
