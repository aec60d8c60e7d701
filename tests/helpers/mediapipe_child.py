"""Run MediaPipe's ImageClassifier on images; print one JSON line for each. For test_mediapipe, in its own environment.

mediapipe_child.py MODEL IMAGE...
"""

from __future__ import annotations

import json
import sys

import mediapipe
from mediapipe.tasks.python import BaseOptions, vision


def main(model: str, pictures: list[str]) -> None:
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=model), max_results=3)
    with vision.ImageClassifier.create_from_options(options) as classifier:
        for picture in pictures:
            result = classifier.classify(mediapipe.Image.create_from_file(picture))
            found = result.classifications[0].categories
            print(json.dumps([{"index": c.index, "name": c.category_name, "score": c.score} for c in found]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
