"""Opens the configured outputs as sinks of the loop."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..system.clock import SYSTEM, Clock
from .protocol import Context
from .registry import find
from .shared_frame import FrameCache
from .worker import OutputWorker

if TYPE_CHECKING:
    from edgevision.model_file.card import ModelCard

    from ..stream.control import LoopControl
    from ..stream.protocols import Source
    from ..telemetry.run_stats import RunStats
    from .config import OutputConfig
    from .counts import Counts


def open_outputs(
    configs: Sequence[OutputConfig],
    name: str | None,
    card: ModelCard,
    camera: Source,
    stats: RunStats,
    control: LoopControl,
    clock: Clock = SYSTEM,
    counts: Counts | None = None,
) -> list[OutputWorker]:
    """Return one sink per output; each connects on a thread of its own. Raises EdgeVisionError."""
    context = Context(
        name=name or host_slug(),
        card=card,
        source=camera.spec,
        live=camera.live,
        snapshot=stats.snapshot,
        stages=lambda: dict(stats.stages),
        control=control,
        counts=counts,
        clock=clock,
        drift=stats.drift,
        release=stats.release,
    )
    frames = FrameCache(lambda: camera.dropped, clock)
    opened = [find(config.kind).open(config, context) for config in configs]
    return [OutputWorker(output, config, context, frames) for output, config in zip(opened, configs, strict=True)]


def host_slug() -> str:
    """Return the host name as lowercase letters, digits and ``-``."""
    name = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in socket.gethostname().lower())
    return name.strip("-")[:63] or "edgevision"
