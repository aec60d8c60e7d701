"""Open a model and ask it about one image.

    python examples/python_api.py [IMAGE] [MODEL.tflite]

Without an image, one is drawn; without a model, the bundled default model is used.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

import edgevision
from edgevision import default_model


def read_rgb(path: str) -> npt.NDArray[np.uint8]:
    """Return an image file as RGB, uint8 (height, width, 3)."""
    bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)  # noqa: TID251
    if bgr is None:
        raise SystemExit(f"cannot read the image {path}")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def draw_orange() -> npt.NDArray[np.uint8]:
    """Return an RGB image of an orange disc on a table."""
    image = np.full((480, 640, 3), (150, 110, 80), np.uint8)
    cv2.circle(image, (320, 260), 140, (255, 140, 0), -1)
    return image


def main(arguments: list[str]) -> None:
    """Print the labels of one image."""
    image = read_rgb(arguments[0]) if arguments else draw_orange()
    path = Path(arguments[1]) if len(arguments) > 1 else default_model.path()
    with edgevision.open_model(path) as model:
        prediction = model.predict(image, top=3, threshold=0.0)
    for label in prediction.labels:
        print(f"{label.score:.2f}  {label.name}")
    print(f"inference took {prediction.stages_ms['infer']:.1f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
