"""Which results an output receives: the settings that every kind of output has."""

from __future__ import annotations

from typing import Literal, get_args

from edgevision.records import record
from edgevision.settings import setting

Only = Literal["events", "frames", "all"]


@record(kw_only=True)
class Delivery:
    """Which results an output receives; the settings that every kind of output has."""

    labels: tuple[str, ...] = setting((), "texts", "Only results and events with one of these labels.", metavar="LABEL")
    threshold: float | None = setting(
        None, "float", "Only labels with at least this score.", low=0, high=1, metavar="SCORE"
    )
    min_interval_s: float = setting(
        0.0, "float", "At most one event per label, and one frame, in this time.", low=0, high=86400, metavar="SECONDS"
    )
    only: Only | None = setting(
        None,
        "choice",
        "Receive events, frames or all.",
        choices=get_args(Only),
        default_text="depends on the output",
    )
    heartbeat_s: float | None = setting(
        None,
        "float",
        "Also send the status of the run at this interval.",
        low=1,
        high=86400,
        metavar="SECONDS",
        default_text="none",
    )
