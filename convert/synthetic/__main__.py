"""``python -m edgevision.convert.synthetic FOLDER``: redraw the image set of ``calibration_images/rendered``."""

from __future__ import annotations

import sys
from pathlib import Path

from .image_sets import draw_calibration_set

COUNT = 40
SEED = 0


def main(arguments: list[str]) -> int:
    """Draw the set into the given folder and return the exit status."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m edgevision.convert.synthetic FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    if folder.exists() and any(folder.iterdir()):
        print(f"{folder} is not empty; give a new or empty folder", file=sys.stderr)
        return 1
    written = draw_calibration_set(folder, COUNT, SEED)
    size = sum(path.stat().st_size for path in written)
    print(f"{len(written)} images, {size / 1000:.0f} kB: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
