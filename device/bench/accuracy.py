"""``--accuracy PHOTOS``: how often the measured models are right, by the same code as ``edgevision evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.evaluate import Pictures, evaluate
from edgevision.evaluate_files import Prepared, Request, prepare

from .subject import Combination

Key = tuple[Path, str]
"""A model and an engine: more threads give the same answers."""


class Accuracies:
    """Models opened for scoring, before anything is measured, so that a fault of the labels costs no time."""

    def __init__(self, combinations: Sequence[Combination], photos: Path, label_map: Path | None = None) -> None:
        """Raises what ``edgevision evaluate`` does for these models and pictures; BadInput for several labels a picture."""
        self._prepared: dict[Key, Prepared] = {}
        for one in combinations:
            key = (one.path, one.engine)
            if key in self._prepared:
                continue
            found = prepare(Request(one.path, photos, label_map=label_map, engine=one.engine, threads=one.threads))
            if found.subject.scorer.card.task != "classification":
                raise BadInput(f"{one.path} is a {found.subject.scorer.card.task} model; top-1 is of classifiers")
            self._prepared[key] = found

    @property
    def pictures(self) -> Pictures:
        """What all are scored on."""
        return next(iter(self._prepared.values())).pictures

    def score(self, tell: Callable[[str, float], None]) -> dict[Key, dict[str, Any]]:
        """Top-1 with its interval, for each."""
        found: dict[Key, dict[str, Any]] = {}
        for number, (key, prepared) in enumerate(self._prepared.items()):
            tell("scoring", number / len(self._prepared))
            record = evaluate(prepared.subject, prepared.pictures).to_json()
            found[key] = {
                **record["accuracy"],
                "split": prepared.pictures.split,
                "fingerprint": record["data"]["fingerprint"],
            }
        return found
