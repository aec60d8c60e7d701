"""Baseline for ``edgevision train``: a frozen backbone with a linear head, center crop, no augmentation.

    python benchmarks/train_floor.py PHOTOS --weights W.h5 [--backbone mobilenet_v2] [--alpha A]
                                     [--per-class 50 --seeds 5] [--train]

PHOTOS has train/ and test/. The baseline ("floor") is a logistic regression, solved to convergence (Newton's method), on
the pooled features of all training photos, and on some per class drawn for each seed. With --train, ``train`` learns from
the same photos, both are evaluated on the same test photos, and the difference is shown with its paired 95 % interval.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
from edgevision.convert import backend
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.input.batches import real_values
from edgevision.convert.training.monitor.observer import TrainingObserver
from edgevision.convert.training.network.backbones import BackboneSpec
from edgevision.convert.training.network.head import goal_of
from edgevision.convert.training.network.network import for_inference, open_network
from edgevision.convert.training.network.resolve_auto import choose
from edgevision.convert.training.report.result import TrainResult
from edgevision.convert.training.run import TrainRequest, train

from edgevision.datasets.dataset import Dataset, Item, open_dataset
from edgevision.evaluation.evaluate import Evaluation
from edgevision.evaluation.intervals import paired_difference
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import pixels

Floats = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]
RIDGE = 1e-2
"""Weight of the squared coefficients, for features scaled to a mean deviation of 1; the result hardly depends on it."""
BATCH = 50


@dataclass(frozen=True, slots=True)
class Features:
    """Pooled features of images, with their class numbers."""

    values: Floats
    """(n, features)"""
    labels: npt.NDArray[np.intp]
    """(n,)"""


def compute(items: tuple[Item, ...], classes: tuple[str, ...], choice: BackboneSpec, weights: str) -> Features:
    """Run the frozen backbone on images cropped to the center square."""
    network = open_network(choice, goal_of(classes, False), weights, 0.0)
    run = for_inference(backend.keras().Model(network.backbone.input, network.head[0](network.backbone.output)))
    crop = choice.preprocessing("crop")
    rows = [run(real_values(_stack(items[i : i + BATCH], crop), crop)).numpy() for i in range(0, len(items), BATCH)]
    return Features(np.concatenate(rows).astype(np.float64), np.array([classes.index(i.labels[0]) for i in items]))


def _stack(items: tuple[Item, ...], preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    return np.stack([pixels(item.read(), preprocessing) for item in items])


def floor(learn: Features, test: Features) -> Hits:
    """Return which test images a linear one-vs-rest head classifies correctly."""
    mean, scale = learn.values.mean(0), learn.values.std(0).mean() + 1e-12
    x, z = ((f.values - mean) / scale for f in (learn, test))
    scores = np.stack([_logits(x, learn.labels == c, z) for c in np.unique(learn.labels)], axis=1)
    return np.asarray(scores.argmax(1) == test.labels)


def _logits(x: Floats, y: Hits, z: Floats) -> Floats:
    """Fit a logistic regression of ``y`` on ``x`` by Newton's method; return the logits of ``z``."""
    a, b = (np.c_[m, np.ones(len(m))] for m in (x, z))
    pull = np.full(a.shape[1], RIDGE * len(a))
    pull[-1] = 1e-6  # the constant is not regularized
    w = np.zeros(a.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(a @ w, -30, 30)))
        curve = np.maximum(p * (1 - p), 1e-9)
        gradient = a.T @ (p - y) + pull * w
        # Woodbury identity: with more features than images, the system to solve has one row per image.
        scaled = a / pull
        inner = scaled @ gradient
        step = gradient / pull - scaled.T @ np.linalg.solve(np.diag(1 / curve) + scaled @ a.T, inner)
        w -= step
        if np.abs(step).max() < 1e-6:
            break
    return np.asarray(b @ w)


def trained(photos: Dataset, chosen: tuple[Item, ...], settings: TrainSettings) -> tuple[Hits, str]:
    """Train on some photos; return which test images are classified correctly, and the time it took."""
    started, before = perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "photos"
        for item in (*chosen, *photos.in_split("test")):
            link = place / item.path
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(photos.path / item.path, link) if _same_disk(photos.path, place) else link.write_bytes(item.data())
        result = train(TrainRequest(place, settings, Path(scratch) / "runs"), TrainingObserver())
    assert isinstance(result, TrainResult) and isinstance(result.evaluation, Evaluation)  # of a classifier
    right = dict(zip(result.evaluation.paths, result.evaluation.metrics.right, strict=True))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cost = f"{perf_counter() - started:.0f} s, {after.ru_utime - before.ru_utime:.0f} s of CPU"
    return np.array([right[item.path] for item in photos.in_split("test")]), cost


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def draw(features: Features, per_class: int, seed: int) -> npt.NDArray[np.intp]:
    """Return the indices of some images of each class, drawn at random."""
    random = np.random.default_rng(seed)
    classes = np.unique(features.labels)
    return np.concatenate([random.choice(np.flatnonzero(features.labels == c), per_class, False) for c in classes])


def main() -> None:
    """Print one line for all photos, and one per seed for some photos per class."""
    arguments = _parse()
    photos = open_dataset(arguments.photos)
    learn, test = photos.in_split("train"), photos.in_split("test")
    base = TrainSettings(backbone=arguments.backbone, weights=arguments.weights, alpha=arguments.alpha)
    choice = choose(base)
    print(f"{choice.describe()}, {len(learn)} training and {len(test)} test photos", flush=True)
    known, asked = (compute(part, photos.classes, choice, arguments.weights) for part in (learn, test))
    if not arguments.few_only:
        _line("all", floor(known, asked), *((trained(photos, learn, base)) if arguments.train else (None, "")))
    sums: list[tuple[Hits, Hits | None]] = []
    for seed in range(arguments.seeds):
        some = draw(known, arguments.per_class, seed)
        lowest = floor(Features(known.values[some], known.labels[some]), asked)
        settings = TrainSettings(
            backbone=arguments.backbone, weights=arguments.weights, alpha=arguments.alpha, seed=seed
        )
        hits, cost = trained(photos, tuple(learn[i] for i in some), settings) if arguments.train else (None, "")
        _line(f"{arguments.per_class} per class, seed {seed}", lowest, hits, cost)
        sums.append((lowest, hits))
    if sums:
        lows, highs = [low for low, _ in sums], [high for _, high in sums if high is not None]
        _line("all seeds together", np.concatenate(lows), np.concatenate(highs) if highs else None, "")


def _line(name: str, low: Hits, high: Hits | None, cost: str) -> None:
    text = f"{name:24s} floor {100 * low.mean():5.1f} %"
    if high is not None:
        counts = (int(np.sum(a & b)) for a, b in ((low, high), (low, ~high), (~low, high), (~low, ~high)))
        change = paired_difference(*counts)
        between = f"{100 * change.low:+.1f} to {100 * change.high:+.1f}"
        text += f"  train {100 * high.mean():5.1f} %  difference {100 * change.value:+.1f} ({between})  {cost}"
    print(text, flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--per-class", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--few-only", action="store_true", help="skip the line for all photos")
    parser.add_argument("--train", action="store_true", help="also run train on the same photos")
    return parser.parse_args()


if __name__ == "__main__":
    main()
