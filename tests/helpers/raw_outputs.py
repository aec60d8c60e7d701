"""The outputs of a model from LiteRT itself, for independent readings of the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np


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
