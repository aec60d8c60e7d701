"""Options of a conversion."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .images.calibration import COUNT
from .keras_files.load_options import ONLY_WHAT_THE_FILE_SAYS, LoadOptions
from .source_model.infer_preprocessing import PreprocessingOptions

Effort = Literal["none", "low", "normal", "high"]
EFFORTS: tuple[Effort, ...] = ("none", "low", "normal", "high")
"""Amount of repair of the int8 accuracy; ``none`` keeps TensorFlow Lite's own result."""


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """The model to convert, the images, the output and the settings."""

    model: Path
    calibration: Path | None = None
    """Folder of photos; None means the one named by the model card, else ./calibration_images."""
    calibration_count: int = COUNT
    """Number of images to use; unless ``effort`` is ``none``, a fifth of them is the selection set."""
    labels: Path | None = None
    name: str | None = None
    """Name of the model; None means the name of the model file."""
    output: Path | None = None
    """Path of the .tflite; None means a new run folder."""
    preprocessing: PreprocessingOptions = field(default_factory=PreprocessingOptions)
    load: LoadOptions = ONLY_WHAT_THE_FILE_SAYS
    report_on: Path | None = None
    """Labeled images to evaluate on: CSV, folder or zip; None means the other images of the calibration folder."""
    effort: Effort = "normal"
    range_method: str = "auto"
    """Method for the activation ranges: ``minmax``, a percentile (``p99.99`` ...), or ``auto`` for the best agreement."""
    max_drop: float | None = None
    """Largest allowed accuracy loss in percentage points; None means no limit."""
    with_embedding: bool = False
    """Whether to output the features before the last layer too, so that a device can learn new classes."""
    runs: Path = Path("runs")
    overwrite: bool = False
    seed: int = 0
    warn_rendered: bool = True
    """Whether to warn about synthetic calibration images; False in the demo, whose model is meant for them."""
