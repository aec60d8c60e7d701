"""Options of an evaluation; those with a declaration are options of ``edgevision evaluate``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..engines.registry import ENGINE, THREADS
from ..settings import MAX_PIXELS, RUNS, require_valid, setting

KERAS_OPTIONS = ("mean", "std", "order", "image_size")
"""Fields of a request that apply only to Keras models."""
Part = Literal["train", "val", "test", "all"]


def _numbers(help_: str) -> Any:
    """Return the setting for one number, or one per channel."""
    form = "one number such as 127.5, or three separated by commas"
    return setting(None, "numbers", help_, "Model", lengths=(1, 3), form=form, metavar="X[,X,X]")


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """The model, the photos and the settings of an evaluation. Raises BadInput."""

    model: Path
    photos: Path
    compare: Path | None = setting(
        None, "path", "Second model to compare with on the same images.", "Photos", metavar="MODEL|RUN"
    )
    split: Part | None = setting(
        None,
        "choice",
        "Part to evaluate.",
        "Photos",
        choices=get_args(Part),
        default_text="test if present, else val, else all",
    )
    split_file: Path | None = setting(
        None,
        "path",
        "split.csv of a training, or its run folder.",
        "Photos",
        metavar="CSV|RUN",
        default_text="the one next to the model",
    )
    label_map: Path | None = setting(
        None, "path", "CSV of name,label: the model's label for a folder or a file.", "Photos", metavar="CSV"
    )
    negatives: Path | None = setting(
        None,
        "path",
        "Images that show none of the classes, to measure false positives.",
        "Photos",
        metavar="FOLDER",
        old_names=("unrelated",),
    )
    limit: int | None = setting(
        None, "int", "Evaluate at most this many images; the same images are drawn each time.", "Photos", low=1
    )
    max_pixels: int = MAX_PIXELS.field(group="Photos")
    threshold: float | None = setting(
        None,
        "float",
        "Score from which a prediction counts.",
        "Model",
        low=0,
        high=1,
        metavar="SCORE",
        default_text="the model's own",
    )
    engine: str = ENGINE.field(group="Model", default="cpu")
    threads: int | None = THREADS.field(group="Model")
    mean: tuple[float, ...] | None = _numbers(
        "Pixel value (0..255) that maps to 0, for a Keras model that does not show it."
    )
    std: tuple[float, ...] | None = _numbers("Difference in pixel values that maps to 1, for such a Keras model.")
    order: Literal["RGB", "BGR"] | None = setting(
        None, "choice", "Channel order such a Keras model was trained with.", "Model", choices=("RGB", "BGR")
    )
    image_size: int | None = setting(
        None, "int", "Input side in pixels of such a Keras model that takes any size.", "Model", low=8, high=2048
    )
    runs: Path = RUNS.field(group="Output")

    def __post_init__(self) -> None:
        require_valid(self)
