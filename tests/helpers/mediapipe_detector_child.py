"""Run MediaPipe's ObjectDetector on images; print one JSON line for each. For test_mediapipe_detection, in its own
environment.

mediapipe_detector_child.py MODEL THRESHOLD IMAGE...
"""

from __future__ import annotations

import json
import sys

import mediapipe
from mediapipe.tasks.python import BaseOptions, vision


def main(model: str, threshold: float, pictures: list[str]) -> None:
    base = BaseOptions(model_asset_path=model)
    options = vision.ObjectDetectorOptions(base_options=base, max_results=10, score_threshold=threshold)
    with vision.ObjectDetector.create_from_options(options) as detector:
        for picture in pictures:
            found = detector.detect(mediapipe.Image.create_from_file(picture)).detections
            print(json.dumps([_plain(detection) for detection in found]))


def _plain(detection: vision.ObjectDetectorResult) -> dict[str, object]:
    best, box = detection.categories[0], detection.bounding_box
    corners = [box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height]
    return {"name": best.category_name, "score": best.score, "box": corners}


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
