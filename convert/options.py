"""What a conversion can be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .calibrate import COUNT
from .infer_rule import RuleOptions
from .load_options import ONLY_WHAT_THE_FILE_SAYS, LoadOptions

Effort = Literal["none", "low", "normal", "high"]
EFFORTS: tuple[Effort, ...] = ("none", "low", "normal", "high")
"""How much is done to lose nothing in int8; ``none``: what TensorFlow Lite makes by itself."""


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """What to convert, with what, to where."""

    model: Path
    calibration: Path | None = None
    """Folder of photos; None: what the model's card names, else ./calibration_images."""
    calibration_count: int = COUNT
    """Pictures that make the model; unless the effort is ``none``, a fifth of them chooses and the others calibrate."""
    labels: Path | None = None
    name: str | None = None
    """None: the name of the model's file."""
    output: Path | None = None
    """None: a new run folder."""
    rule: RuleOptions = field(default_factory=RuleOptions)
    load: LoadOptions = ONLY_WHAT_THE_FILE_SAYS
    report_on: Path | None = None
    """Labelled pictures to score on: CSV, folder or zip. None: the calibration folder's other pictures."""
    effort: Effort = "normal"
    range_method: str = "auto"
    """Activation ranges: ``minmax``, a percentile (``p99.99`` ...), or ``auto``, what agrees best with float."""
    max_drop: float | None = None
    """Percentage points of accuracy that may be lost; None: no limit."""
    with_embedding: bool = False
    """The features before the last layer as a second output, by which a device can be taught new classes."""
    runs: Path = Path("runs")
    overwrite: bool = False
    seed: int = 0
    warn_rendered: bool = True
    """False: drawn pictures are what this model is for (the demo)."""
