"""``python -m edgevision.device.bundle.verify_model MODEL``: check a model on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edgevision.errors import EdgeVisionError
from edgevision.model import open_model
from edgevision.selftest import check
from edgevision.types import Frame


def main(path: Path) -> int:
    """Run the model on a gray image, then its self-test; return 1 and print one line if either fails."""
    try:
        with open_model(path) as model:
            model.predict(
                Frame(np.full((model.preprocessing.height, model.preprocessing.width, 3), 128, np.uint8), "RGB")
            )
            if model.card.selftest is not None and model.card.selftest.cases:
                report = check(model)
                print(report.describe())
                return 0 if report.ok else 1
            print("the model runs; the file has no self-test")
            return 0
    except EdgeVisionError as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
