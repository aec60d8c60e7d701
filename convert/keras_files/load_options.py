"""Loading options: what the user specifies about a model file."""

from __future__ import annotations

from dataclasses import dataclass

from edgevision.settings import setting


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to open a model file; None means as the file specifies."""

    allow_code: bool = setting(
        False, "flag", "Run the Python code of Lambda layers; only for files from a trusted source.", "Model"
    )
    image_size: int | None = setting(
        None, "int", "Input side in pixels, for a model that takes any size.", "Model", low=8, high=2048
    )
    architecture: str | None = setting(
        None, "text", "Architecture of a weights-only file: mobilenet_v2, resnet50 ...", "Model", metavar="NAME"
    )
    alpha: float | None = setting(None, "float", "Width multiplier of the architecture.", "Model", low=0.05, high=2)
    classes: int | None = setting(None, "int", "Number of outputs of the architecture.", "Model", low=1, high=100_000)


ONLY_WHAT_THE_FILE_SAYS = LoadOptions()
