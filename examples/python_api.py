"""Open a model and ask it about one image.

    python examples/python_api.py [IMAGE] [MODEL.tflite]

Without an image, one is drawn; without a model, the bundled default model is used.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np
import numpy.typing as npt

import edgevision


def draw_orange() -> npt.NDArray[np.uint8]:
    """Return an RGB image of an orange disc on a table, uint8 (height, width, 3)."""
    image = np.full((480, 640, 3), (150, 110, 80), np.uint8)
    cv2.circle(image, (320, 260), 140, (255, 140, 0), -1)
    return image


def main(arguments: list[str]) -> None:
    """Print the labels of one image."""
    image = arguments[0] if arguments else draw_orange()
    try:
        with edgevision.open_model(arguments[1] if len(arguments) > 1 else None) as model:
            prediction = model.predict(image, top=3, threshold=0.0)
    except edgevision.EdgeVisionError as error:
        raise SystemExit(f"error: {error}") from None
    for label in prediction.labels:
        print(f"{label.score:.2f}  {label.name}")
    print(f"inference took {prediction.stages_ms['infer']:.1f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
