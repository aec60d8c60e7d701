"""Run the core package on tflite-runtime and numpy 1; print one JSON line. For test_converted_elsewhere, in its own
environment.

tflite_runtime_child.py MODEL IMAGE...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from edgevision import open_model, selftest
from edgevision.engines.interpreter import describe_runtime
from edgevision.preprocessing import decode


def main(model: str, paths: list[str]) -> None:
    with open_model(Path(model)) as opened:
        tested = selftest.check(opened)
        answers = [opened.predict(decode.read(Path(path))).top for path in paths]
    found = {
        "runtime": describe_runtime(),
        "numpy": np.__version__,
        "selftest": tested.ok,
        "said": tested.describe(),
        "answers": [None if top is None else [top.index, top.score] for top in answers],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
