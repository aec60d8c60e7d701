"""Time a float .tflite in ONNX Runtime in its own environment, at the request of ``peers.py``.

    python onnx_child.py FLOAT.tflite FRAMES.npy

The model is converted first. FRAMES are float32 (count, height, width, 3), as the network takes them. The first line of
output is ``ready`` or an error. Then each line on standard input is a number of frames to run, answered by one JSON line:
the seconds of each.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime as ort

OPSET = 17


def converted(model: str) -> bytes:
    """Convert the model to ONNX; the converter's messages go to standard error, since standard output is the protocol."""
    from tf2onnx import convert

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        convert.from_tflite(model, opset=OPSET, output_path=str(path))
        return path.read_bytes()


def session(model: str) -> ort.InferenceSession:
    """Open a session with one thread, like the other peers."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(converted(model), options, providers=["CPUExecutionProvider"])


def main() -> None:
    frames = np.load(sys.argv[2])
    answers, sys.stdout = sys.stdout, sys.stderr
    try:
        opened = session(sys.argv[1])
        name = opened.get_inputs()[0].name
        opened.run(None, {name: frames[:1]})
    except Exception as err:  # any error becomes one line of the table
        print(f"{type(err).__name__}: {' '.join(str(err).split())[:150]}", file=answers, flush=True)
        return
    print("ready", file=answers, flush=True)
    number = 0
    for line in sys.stdin:
        taken = []
        for _ in range(int(line)):
            prepared = frames[number % len(frames)][None]
            number += 1
            start = perf_counter()
            opened.run(None, {name: prepared})
            taken.append(perf_counter() - start)
        print(json.dumps(taken), file=answers, flush=True)


if __name__ == "__main__":
    main()
