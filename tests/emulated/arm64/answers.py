"""Prints the scores of models for images: python answers.py IMAGES MODEL..."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edgevision import pictures
from edgevision.model import open_model

if __name__ == "__main__":
    folder, *models = sys.argv[1:]
    found: dict[str, dict[str, list[float]]] = {}
    for path in models:
        with open_model(Path(path)) as model:
            found[Path(path).name] = {
                str(picture.relative_to(folder)): [float(score) for score in model.scores(pictures.read(picture))]
                for picture in sorted(Path(folder).rglob("*"))
                if picture.suffix.lower() in pictures.SUFFIXES
            }
    json.dump(found, sys.stdout)
