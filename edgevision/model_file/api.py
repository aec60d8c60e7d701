"""The public function that reads a model file."""

from __future__ import annotations

from pathlib import Path

from . import model_file
from .model_file import ModelFile


def read_model(path: str | Path, *, strict: bool = True) -> ModelFile:
    """Return what a .tflite file holds: model card, labels, metadata, inputs and outputs.

    The model is not run and no TFLite runtime is needed. To predict, use ``open_model``.

    Args:
        path: The .tflite file.
        strict: Whether to refuse a file whose card is damaged or belongs to another model; if False,
            ``card_problem`` of the result tells.

    Returns:
        The content of the file. Its ``card`` is None for a file that edgevision did not write.

    Raises:
        MissingFile: The file does not exist.
        BadModel: The file is damaged or not a TFLite model.
    """
    return model_file.read(Path(path), strict=strict)
