"""Prints the scores of models for images: python answers.py IMAGES MODEL..."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edgevision.model import open_model
from edgevision.preprocessing import decode

if __name__ == "__main__":
    folder, *models = sys.argv[1:]
    found: dict[str, dict[str, list[float]]] = {}
    for path in models:
        with open_model(Path(path)) as model:
            found[Path(path).name] = {
                str(picture.relative_to(folder)): [float(score) for score in model.scores(decode.read(picture))]
                for picture in sorted(Path(folder).rglob("*"))
                if picture.suffix.lower() in decode.SUFFIXES
            }
    json.dump(found, sys.stdout)
