"""Time MediaPipe Tasks' ImageClassifier in its own environment, at the request of ``peers.py``.

    python mediapipe_child.py MODEL.tflite FRAMES.npy

Each line on standard input is a number of frames to classify, answered by one JSON line: the seconds of each.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision


def main() -> None:
    frames = np.load(sys.argv[2])
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), max_results=5)
    with vision.ImageClassifier.create_from_options(options) as classifier:
        print("ready", flush=True)
        number = 0
        for line in sys.stdin:
            taken = []
            for _ in range(int(line)):
                pixels = frames[number % len(frames)]
                number += 1
                start = perf_counter()
                classifier.classify(mp.Image(image_format=mp.ImageFormat.SRGB, data=pixels))
                taken.append(perf_counter() - start)
            print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main()
