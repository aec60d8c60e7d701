"""Modes of ``convert``: the arithmetic of the converted model, what each needs, and where it does not run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["int8", "int8-io", "float16", "dynamic", "int16x8", "float"]


@dataclass(frozen=True, slots=True)
class ModeFacts:
    """What a mode needs, and what the user has to know about it."""

    calibrated: bool = False
    """Whether calibration images set the ranges of the activations."""
    int8: bool = False
    """Whether the whole network is int8, so that it can be repaired and the Edge TPU can run it."""
    note: str | None = None
    """Where such a model does not run, or runs slowly; None if everywhere."""


CPU_ONLY = "runs on the CPU only; the Edge TPU needs --mode int8"
MODES: dict[Mode, ModeFacts] = {
    "int8": ModeFacts(calibrated=True, int8=True),
    "int8-io": ModeFacts(
        calibrated=True,
        int8=True,
        note="MediaPipe, ML Kit and the web app refuse int8 inputs; for them, use --mode int8",
    ),
    "float16": ModeFacts(note=CPU_ONLY),
    "dynamic": ModeFacts(note=CPU_ONLY),
    "int16x8": ModeFacts(
        calibrated=True,
        note=f"XNNPACK has no int16 kernels, so that this model takes many times as long as int8; {CPU_ONLY}",
    ),
    "float": ModeFacts(note=CPU_ONLY),
}
