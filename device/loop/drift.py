"""Sets up the watch for drift of ``edgevision run --drift``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from edgevision.errors import BadInput
from edgevision.files.state_folder import state_folder

from ..drift.state_file import MAX_TEXT, Subject, drift_file
from ..drift.watch import DriftWatch
from .outputs import is_pictures

if TYPE_CHECKING:
    from edgevision.model import Model

    from ..stream.control import LoopControl
    from ..stream.protocols import Source
    from ..telemetry.run_stats import RunStats
    from .options import Options


def open_watch(
    options: Options, model: Model, camera: Source, measures: RunStats, control: LoopControl | None
) -> DriftWatch:
    """Return the watch, which sees what the model computes. Raises BadInput for single images, BadModel."""
    from ..outputs.open import host_slug

    if is_pictures(camera):
        raise BadInput(f"--drift compares days, and {camera.spec} is single images; give a camera or a video")
    path = drift_file(state_folder(options.state), options.camera_name or host_slug()) if camera.live else None

    def subject() -> Subject:
        roi = options.roi if control is None else control.roi
        mount = f"{camera.spec} {json.dumps([options.rotate, options.flip, options.size, roi])}"
        return Subject(model.sha256, mount[-MAX_TEXT:])

    watch = DriftWatch(model.drift_reader(), model.card.drift, subject, path)
    model.observer, measures.drift = watch.observe, watch.status
    return watch
