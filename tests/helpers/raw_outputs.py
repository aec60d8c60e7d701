"""The outputs of a model from LiteRT itself, for independent readings of the same file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edgevision.preprocessing.decode import read
from edgevision.types import Frame

BLOCK = 16
"""Pixels; a reduction by halves drops the rest of a side that fills no block, which moves places by parts of a pixel."""


def photo_of_whole_blocks(path: Path) -> Frame:
    """Return a photo without the pixels of its right and lower edge that fill no block."""
    frame = read(path)
    height, width = (size - size % BLOCK for size in frame.pixels.shape[:2])
    return replace(frame, pixels=np.ascontiguousarray(frame.pixels[:height, :width]))


def raw_outputs(path: Path, image: np.ndarray) -> list[np.ndarray]:
    """Return the real values of each output, in the file's order, for an input with its batch."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], image.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    found = []
    for result in interpreter.get_output_details():
        scale, zero = result["quantization"]
        stored = interpreter.get_tensor(result["index"]).astype(np.float32)
        found.append((stored - zero) * scale if scale else stored)
    return found
