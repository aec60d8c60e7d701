"""Options of a conversion; those with a declaration are options of ``edgevision convert``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from edgevision.errors import UsageError
from edgevision.settings import MAX_PIXELS, OVERWRITE, RUNS, SEED, setting

from .images.counts import COUNT, MAX_COUNT, MIN_COUNT
from .keras_files.load_options import ONLY_WHAT_THE_FILE_SAYS, LoadOptions
from .modes import MODES, Mode
from .source_model.preprocessing_options import PreprocessingOptions

Effort = Literal["none", "low", "normal", "high"]
"""Amount of repair of the int8 accuracy; ``none`` keeps TensorFlow Lite's own result."""
RepairEffort = Literal["low", "normal", "high"]
ActivationRange = Literal["auto", "minmax", "p99.999", "p99.99"]
"""Method for the activation ranges: the converter's minimum to maximum, a percentile, or the best of them."""


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """The model to convert, the images, the output and the settings."""

    model: Path
    """The .keras or .h5 file, SavedModel folder, or float .tflite."""
    calibration: Path | None = setting(
        None,
        "path",
        "Folder with photos like those the camera will see.",
        "Images",
        metavar="FOLDER",
        default_text="the photos of the training, else ./calibration_images",
    )
    calibration_count: int = setting(
        COUNT,
        "int",
        "Number of photos to use; unless --effort is none, a fifth of them chooses between the repairs.",
        "Images",
        low=MIN_COUNT,
        high=MAX_COUNT,
    )
    max_pixels: int = MAX_PIXELS.field(group="Images")
    labels: Path | None = setting(
        None,
        "path",
        "File with one label per line in output order, or numbered, or JSON.",
        "Model",
        metavar="FILE",
        default_text="from the model",
    )
    preprocessing: PreprocessingOptions = field(default_factory=PreprocessingOptions)
    """How the images were prepared on which the model was trained, where the file does not tell."""
    load: LoadOptions = ONLY_WHAT_THE_FILE_SAYS
    """How to open the model, where the file does not tell."""
    eval_data: Path | None = setting(
        None,
        "path",
        "Labeled images to evaluate on: class folders, a CSV of path,label, or a zip; for a detector, photos with boxes.",
        "Images",
        metavar="PHOTOS",
        default_text="the other images of the calibration folder",
        old_names=("report_on",),
    )
    mode: Mode = setting(
        "int8",
        "choice",
        "Arithmetic: all int8, int8 with int8 input, float16 or int8 weights only (dynamic), int16 activations, or float.",
        "Quantization",
        choices=get_args(Mode),
    )
    effort: Effort = setting(
        "normal",
        "choice",
        "How much to repair the int8 accuracy; high takes twice as long, none keeps TensorFlow Lite's result.",
        "Quantization",
        choices=get_args(Effort),
    )
    activation_range: ActivationRange = setting(
        "auto",
        "choice",
        "Activation ranges: minimum to maximum, a percentile, or the method that agrees best with float.",
        "Quantization",
        choices=get_args(ActivationRange),
        old_names=("range",),
    )
    max_drop: float | None = setting(
        None,
        "float",
        "Allowed accuracy loss in percentage points; exit 3 above it.",
        "Quantization",
        low=0,
        high=100,
        default_text="no limit",
    )
    with_embedding: bool = setting(
        False, "flag", "Also output the features before the last layer, as edgevision teach needs.", "Quantization"
    )
    edgetpu: bool = setting(
        False, "flag", "Compile the model for the Edge TPU, too, with edgetpu_compiler, into the same file.", "Edge TPU"
    )
    min_mapped: float | None = setting(
        None,
        "float",
        "Share of the operators in percent that the Edge TPU has to run; exit 3 below it.",
        "Edge TPU",
        low=0,
        high=100,
        default_text="no limit",
    )
    name: str | None = setting(
        None,
        "text",
        "Name of the model and the output files.",
        "Output",
        default_text="from the file, the classes or the folder",
    )
    output: Path | None = setting(
        None,
        "path",
        "Path of the .tflite to write.",
        "Output",
        short="-o",
        metavar="FILE",
        default_text="in a new folder below --runs",
    )
    runs: Path = RUNS.field(group="Output")
    overwrite: bool = OVERWRITE.field(group="Output")
    seed: int = SEED.field(group="Quantization")
    warn_rendered: bool = True
    """Whether to warn about synthetic calibration images; False in the demo, whose model is meant for them."""


def check_mode(options: ConvertOptions) -> None:
    """Refuse options that mean nothing in the mode. Raises UsageError."""
    mode = options.mode
    if not MODES[mode].int8 and options.edgetpu:
        raise UsageError(f"--edgetpu needs an int8 model, but --mode is {mode}; leave one of them out")
    if not MODES[mode].int8 and options.effort in ("low", "high"):
        raise UsageError(f"--effort {options.effort} repairs int8 models, but --mode is {mode}; leave --effort out")
    if not MODES[mode].int8 and options.activation_range != "auto":
        raise UsageError(
            f"--activation-range {options.activation_range} is for int8 models, but --mode is {mode}; "
            "leave --activation-range out"
        )
    if options.effort == "none" and options.activation_range not in ("auto", "minmax"):
        raise UsageError(f"--activation-range {options.activation_range} needs the repair; use --effort low or higher")
    if mode == "float" and options.max_drop is not None:
        raise UsageError("--max-drop limits a loss, and --mode float loses nothing; leave --max-drop out")
