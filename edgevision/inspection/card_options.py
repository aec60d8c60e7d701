"""Options of ``edgevision card``: what the user states about a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from ..model_file.card import ACTIVATIONS
from ..model_file.makers.registry import MAKERS
from ..output_layouts.registry import LAYOUTS
from ..output_layouts.suppression import DEFAULT_IOU
from ..preprocessing.spec import Align, ModelOrder, Resize
from ..settings import setting
from ..types import Task


@dataclass(frozen=True, slots=True)
class CardOptions:
    """The user's settings for a model; None keeps what the file has."""

    like: str | None = setting(
        None,
        "choice",
        "What made the file; sets how images are prepared, as its models take them. Other options change that.",
        "Model",
        choices=tuple(MAKERS),
        default_text="recognized from the file",
    )
    task: Task | None = setting(
        None, "choice", "Task of the model.", "Model", choices=get_args(Task), default_text="inferred from its outputs"
    )
    labels: Path | None = setting(
        None, "path", "File with the class names: one per line, numbered or not, or JSON.", "Model", metavar="FILE"
    )
    resize: Resize | None = setting(
        None, "choice", "How to fit an image into the input.", "Preprocessing", choices=get_args(Resize)
    )
    fill: int | None = setting(
        None,
        "int",
        "Value of the border that --resize letterbox adds, 0 to 255.",
        "Preprocessing",
        low=0,
        high=255,
        default_text="0",
    )
    align: Align | None = setting(
        None,
        "choice",
        "Position of the image in a letterbox.",
        "Preprocessing",
        choices=get_args(Align),
        default_text="center",
    )
    crop_fraction: float | None = setting(
        None, "float", "Share of the image that --resize crop keeps.", "Preprocessing", above=0, high=1
    )
    mean: tuple[float, ...] | None = setting(
        None,
        "numbers",
        "Mean in (pixel - mean) / std, pixels 0..255, one number or one per channel.",
        "Preprocessing",
        metavar="X[,X,X]",
        form="one number such as 127.5, or one per channel such as 123.7,116.3,103.5",
        default_text="from a uint8 input",
    )
    std: tuple[float, ...] | None = setting(
        None,
        "numbers",
        "Standard deviation in (pixel - mean) / std.",
        "Preprocessing",
        metavar="X[,X,X]",
        form="one number such as 127.5, or one per channel such as 58.4,57.1,57.4",
        default_text="from a uint8 input",
    )
    order: ModelOrder | None = setting(
        None,
        "choice",
        "Channel order of the input.",
        "Preprocessing",
        choices=get_args(ModelOrder),
        default_text="RGB, or GRAY for one channel",
    )
    activation: str | None = setting(
        None,
        "choice",
        "Activation of the output.",
        "Model",
        choices=ACTIVATIONS,
        default_text="inferred from the last operator",
    )
    layout: str | None = setting(
        None,
        "choice",
        "Layout of a detector's outputs; needed only if their shapes allow several.",
        "Detector",
        choices=tuple(LAYOUTS),
        default_text="recognized from the outputs",
    )
    iou: float | None = setting(
        None,
        "float",
        "Overlap (intersection over union) above which only the better of two boxes of a class is kept.",
        "Detector",
        above=0,
        high=1,
        default_text=f"{DEFAULT_IOU:g}",
    )
    name: str | None = setting(None, "text", "Name of the model.", "Model", default_text="the file's name")
    threshold: float | None = setting(
        None, "float", 'Scores below this are reported as "unknown".', "Model", low=0, high=1, metavar="SCORE"
    )
    edgetpu: Path | None = setting(
        None,
        "path",
        "FILE as compiled for the Edge TPU; stored inside, so that one file runs on CPU and Edge TPU.",
        "Model",
        metavar="COMPILED",
    )
