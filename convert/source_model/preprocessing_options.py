"""Preprocessing of a source model, as far as the user states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from edgevision.preprocessing.spec import Resize
from edgevision.settings import setting

ColorOrder = Literal["RGB", "BGR"]


@dataclass(frozen=True, slots=True)
class PreprocessingOptions:
    """Preprocessing options given by the user; None if not given."""

    mean: tuple[float, ...] | None = setting(
        None,
        "numbers",
        "Pixel value (0..255) that maps to 0, one for all channels or one each.",
        "Preprocessing",
        lengths=(1, 3),
        form="one number such as 127.5, or three separated by commas",
        metavar="X[,X,X]",
        default_text="from the model",
    )
    std: tuple[float, ...] | None = setting(
        None,
        "numbers",
        "Difference in pixel values that maps to 1.",
        "Preprocessing",
        lengths=(1, 3),
        form="one number such as 127.5, or three separated by commas",
        metavar="X[,X,X]",
        default_text="from the model",
    )
    resize: Resize | None = setting(
        None,
        "choice",
        "How images are fitted to the input size.",
        "Preprocessing",
        choices=get_args(Resize),
        default_text="from the model",
    )
    crop_fraction: float | None = setting(
        None,
        "float",
        "Share of the largest centered crop to keep.",
        "Preprocessing",
        low=0.01,
        high=1,
        default_text="from the model",
    )
    order: ColorOrder | None = setting(
        None,
        "choice",
        "Channel order the network was trained with.",
        "Preprocessing",
        choices=get_args(ColorOrder),
        default_text="from the model",
    )
