"""Open many damaged copies of a model file in one process; the test looks for a crash of this process.

    python fuzz_child.py SOURCE FIRST LAST FOLDER

Print one JSON object: how many copies were refused with a one-line error, how many still work, and what went wrong.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

CONVERTED_EVERY = 10
"""One in this many damaged Keras files that still load is converted too."""


def damaged(data: bytes, seed: int) -> bytes:
    """Return a damaged copy: a third are truncated, the others have one to five bytes changed."""
    chance = np.random.default_rng(seed)
    if seed % 3 == 0:
        return data[: int(chance.integers(0, len(data)))]
    changed = bytearray(data)
    for at in chance.integers(0, len(data), int(chance.integers(1, 6))):
        changed[at] = int(chance.integers(0, 256))
    return bytes(changed)


def open_tflite(path: Path, _: int) -> None:
    """Open the file as ``run`` does and predict one image."""
    from edgevision import open_model

    with open_model(path) as model:
        model.predict(np.full((31, 47, 3), 99, np.uint8))


def open_keras(path: Path, seed: int) -> None:
    """Open the file as ``convert`` does and run one image; convert every CONVERTED_EVERY-th to a float model."""
    from edgevision.convert.keras_files.scan import scan
    from edgevision.convert.quantization.ptq import to_float
    from edgevision.convert.source_model.float_model import make_float_model
    from edgevision.convert.source_model.infer_preprocessing import infer_preprocessing
    from edgevision.convert.source_model.load import load

    loaded = load(scan(path))
    shape = (loaded.height, loaded.width, loaded.channels)
    model = make_float_model(loaded, infer_preprocessing(loaded.scan.config, shape, loaded.outputs, loaded.scan.card))
    model.outputs(np.full((1, *shape), 99, np.uint8))
    if seed % CONVERTED_EVERY == 0:
        to_float(model)


def main(source: Path, first: int, last: int, folder: Path) -> None:
    """Try all seeds from first up to, but not including, last."""
    from edgevision.errors import EdgeVisionError

    data = source.read_bytes()
    attempt: Any = open_tflite if source.suffix == ".tflite" else open_keras
    attempt(source, 1)  # the undamaged file works
    counts: Counter[str] = Counter()
    wrong = []
    for seed in range(first, last):
        path = folder / f"damaged{source.suffix}"
        path.write_bytes(damaged(data, seed))
        try:
            attempt(path, seed)
            counts["works"] += 1
        except EdgeVisionError as error:
            counts["refused"] += 1
            if "\n" in str(error):
                wrong.append(f"seed {seed}: message of more than one line: {error}")
        except Exception as error:
            wrong.append(f"seed {seed}: {type(error).__name__}: {error}"[:300])
    print(json.dumps({**counts, "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
