"""How well a model for anomalies tells good images from others: ROC AUC with an interval, false alarms, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadImage, BadInput, MissingFile
from ..files.atomic import write_text
from ..files.run_folder import Run, dump, new_run, versions
from ..model import Model
from ..preprocessing import SUFFIX_KIND, decode
from ..preprocessing.pixel_limit import set_max_pixels
from .intervals import Proportion, proportion
from .metrics import roc_auc

if TYPE_CHECKING:
    import numpy.typing as npt

    from .opening import OpenedModels
    from .options import EvaluateOptions

    Scores = npt.NDArray[np.float64]

SCHEMA = "edgevision.evaluate_anomaly/1"
METRICS = "metrics.json"
GOOD = "good"
DRAWS = 2000
"""Draws of the bootstrap."""
LISTED = 10
NOT_FOR_IT = ("compare", "split", "split_file", "label_map", "negatives")


@dataclass(frozen=True, slots=True)
class Area:
    """An area under the ROC curve with its 95 % interval, all 0..1."""

    value: float
    """The area."""
    low: float
    """Lower bound."""
    high: float
    """Upper bound."""


@dataclass(frozen=True, slots=True)
class DefectKind:
    """What was found of the images of one folder."""

    name: str
    """Name of the folder."""
    images: int
    """Number of its images."""
    auc: Area
    """Against all good images."""
    found: Proportion
    """Images whose score reaches the threshold."""


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """An image and its score."""

    path: str
    """Path of the image."""
    kind: str
    """Its folder."""
    score: float
    """Its score, 0..1."""


@dataclass(frozen=True, slots=True)
class AnomalyEvaluation:
    """Measures of a model for anomalies. ``to_json`` returns them in a documented schema."""

    model: dict[str, Any]
    """Path and SHA-256 of the model."""
    path: str
    """Path of the images."""
    threshold: float
    """Score from which an image is anomalous, 0..1."""
    auc: Area
    """Of all anomalous images against all good ones."""
    false_alarms: Proportion
    """Good images whose score reaches the threshold."""
    found: Proportion
    """Anomalous images whose score reaches the threshold."""
    kinds: tuple[DefectKind, ...]
    """What was found of each folder of anomalous images."""
    missed: tuple[ScoredImage, ...]
    """Anomalous images with the lowest scores below the threshold."""
    alarmed: tuple[ScoredImage, ...]
    """Good images with the highest scores from the threshold on."""
    skipped: int
    """Number of damaged files."""

    def to_json(self) -> dict[str, Any]:
        """Return the measures as the JSON document ``edgevision.evaluate_anomaly/1``."""
        values = {name: list(one) if isinstance(one, tuple) else one for name, one in asdict(self).items()}
        return {"schema": SCHEMA, **values, "versions": versions()}


def find_images(folder: Path) -> dict[str, list[Path]]:
    """Return kind -> images of a folder with good/ and others. Raises MissingFile, BadInput."""
    if not folder.is_dir():
        raise MissingFile(f"{folder} is not a folder; give one with good/ and a folder for each kind of defect")
    folder = folder / "test" if (folder / "test" / GOOD).is_dir() else folder
    kinds = {
        place.name: sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIX_KIND)
        for place in sorted(folder.iterdir())
        if place.is_dir()
    }
    found = {name: paths for name, paths in kinds.items() if paths}
    if GOOD not in found or len(found) < 2:
        raise BadInput(
            f"{folder} needs good/ and at least one other folder with images, got {', '.join(found) or 'none'}"
        )
    return found


def evaluate_anomaly(
    request: EvaluateOptions, models: OpenedModels, images: dict[str, list[Path]], step: Callable[[int], None]
) -> AnomalyEvaluation:
    """Score all images and return the measures. Raises BadInput, EngineError."""
    for name in NOT_FOR_IT:
        if getattr(request, name) is not None:
            raise BadInput(f"--{name.replace('_', '-')} is not for models of the task anomaly; leave it out")
    set_max_pixels(request.max_pixels)
    model = models.first.model
    if not isinstance(model, Model):
        raise BadInput(f"{models.first.facts.path} is not a .tflite; edgevision train --task anomaly makes one")
    threshold = request.threshold if request.threshold is not None else (model.card.threshold or 0.5)
    scored: list[ScoredImage] = []
    skipped = done = 0
    for kind, paths in images.items():
        for path in paths:
            try:
                found = model.predict(decode.read(path)).anomaly
            except BadImage:
                skipped += 1
            else:
                assert found is not None, "a decoder for anomalies always returns one"
                scored.append(ScoredImage(str(path), kind, found.score))
            step(done := done + 1)
    facts = models.first.facts
    return measured(scored, threshold, {"path": facts.path, "sha256": facts.sha256}, str(request.photos), skipped)


def measured(
    scored: list[ScoredImage], threshold: float, model: dict[str, Any], path: str, skipped: int = 0
) -> AnomalyEvaluation:
    """Return the measures of scored images. Raises BadInput without good images, or without others."""
    good = np.array([one.score for one in scored if one.kind == GOOD])
    kinds = sorted({one.kind for one in scored} - {GOOD})
    if not good.size or not kinds:
        raise BadInput(f"{path}: no readable images of good/, or none of others")
    by_kind = {kind: np.array([one.score for one in scored if one.kind == kind]) for kind in kinds}
    bad = np.concatenate(list(by_kind.values()))
    wrong = [one for one in scored if (one.score >= threshold) == (one.kind == GOOD)]
    return AnomalyEvaluation(
        model,
        path,
        threshold,
        area(bad, good),
        _share(good >= threshold),
        _share(bad >= threshold),
        tuple(
            DefectKind(kind, len(scores), area(scores, good), _share(scores >= threshold))
            for kind, scores in by_kind.items()
        ),
        tuple(sorted((one for one in wrong if one.kind != GOOD), key=lambda one: one.score)[:LISTED]),
        tuple(sorted((one for one in wrong if one.kind == GOOD), key=lambda one: -one.score)[:LISTED]),
        skipped,
    )


def area(bad: Scores, good: Scores, seed: int = 0) -> Area:
    """Return the ROC AUC of scores with its interval, by drawing good and anomalous images apart (percentiles)."""
    random = np.random.default_rng(seed)
    drawn = [_auc(random.choice(bad, bad.size), random.choice(good, good.size)) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    value = _auc(bad, good)
    return Area(round(value, 6), round(min(value, float(low)), 6), round(max(value, float(high)), 6))


def _auc(bad: Scores, good: Scores) -> float:
    positive = np.concatenate([np.ones(bad.size, bool), np.zeros(good.size, bool)])
    found = roc_auc(positive, np.concatenate([bad, good]))
    assert found is not None
    return found


def _share(flags: npt.NDArray[np.bool_]) -> Proportion:
    found = proportion(int(flags.sum()), flags.size)
    assert found is not None
    return found


def run(
    request: EvaluateOptions, models: OpenedModels, images: dict[str, list[Path]], step: Callable[[int], None]
) -> tuple[AnomalyEvaluation, Run]:
    """Evaluate and write ``runs/evaluate-N/metrics.json``. Raises BadInput, EngineError, CannotWrite."""
    with new_run(request.runs, "evaluate") as folder:
        done = evaluate_anomaly(request, models, images, step)
        write_text(folder.folder / METRICS, dump(done.to_json()) + "\n")
        folder.outputs.append(METRICS)
    return done, folder
