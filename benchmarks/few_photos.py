"""Few photos: a linear head beside a nearest class mean, and how often learning curves are right.

    python benchmarks/few_photos.py PHOTOS [--backbone efficientnet_lite0] [--weights imagenet] [--seeds 5] [--curves 20]
                                    [--features features.npz]

PHOTOS has train/ and test/ of two classes. For each seed and number of photos per class, photos are drawn from train, and
all others of train and test are held out. ``--features`` keeps the features of the frozen network between runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.linear_probe.cross_validation import Probe, choose_strength, cross_validate, one_thread
from edgevision.convert.training.linear_probe.learning_curve import MORE, learning_curve
from edgevision.convert.training.linear_probe.linear_head import Scale, fit_head
from edgevision.convert.training.network.head import Head, goal_of
from edgevision.convert.training.network.resolve_auto import choose
from train_floor import compute

from edgevision.datasets.dataset import open_dataset

Floats = npt.NDArray[np.float32]
COUNTS = (5, 10, 20, 50, 100, 200)
CURVE_COUNTS = (10, 50)


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--curves", type=int, default=20)
    parser.add_argument("--features", type=Path)
    arguments = parser.parse_args()
    features, labels, is_test = _features(arguments)
    goal = goal_of(("no", "yes"), False)

    def drawn(seed: int, count: int) -> tuple[Probe, Probe]:
        return _drawn(goal, features, labels, is_test, seed, count)

    print("photos per class | linear head | nearest class mean | cross-validated")
    for count in COUNTS:
        _print_accuracies(drawn, count, arguments.seeds)
    for count in CURVE_COUNTS:
        _print_coverage(drawn, count, arguments.curves)


def _features(arguments: argparse.Namespace) -> tuple[Floats, npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Return features (n, width), labels (n,) and whether each photo is of the test part (n,)."""
    if arguments.features and arguments.features.exists():
        with np.load(arguments.features, allow_pickle=False) as kept:
            return kept["features"], kept["labels"], kept["is_test"]
    data = open_dataset(arguments.photos)
    spec = choose(TrainSettings(backbone=arguments.backbone, weights=arguments.weights))
    found = compute(data.items, data.classes, spec, arguments.weights)
    features, is_test = found.values.astype(np.float32), np.array([item.split == "test" for item in data.items])
    if arguments.features:
        np.savez(arguments.features, features=features, labels=found.labels, is_test=is_test)
    return features, found.labels, is_test


def _drawn(
    goal: Head,
    features: Floats,
    labels: npt.NDArray[np.intp],
    is_test: npt.NDArray[np.bool_],
    seed: int,
    count: int,
) -> tuple[Probe, Probe]:
    """Return the drawn photos, nested for growing counts, and the held-out ones, the same for all counts."""
    random = np.random.default_rng(seed)
    orders = [random.permutation(np.flatnonzero((labels == one) & ~is_test)) for one in (0, 1)]
    drawn = np.concatenate([order[:count] for order in orders])
    most = max(*COUNTS, max(MORE) * max(CURVE_COUNTS))
    held = np.concatenate([*(order[most:] for order in orders), np.flatnonzero(is_test)])

    def probe(rows: npt.NDArray[np.intp]) -> Probe:
        targets = labels[rows, np.newaxis].astype(np.float32)
        return Probe(goal, features[rows], targets, np.ones(len(rows), np.float32), np.arange(len(rows)))

    return probe(drawn), probe(held)


def _accuracy(probe: Probe, held: Probe) -> float:
    """Return the accuracy on held-out photos of the head that ``train`` would set."""
    strength, scale = choose_strength(probe, 0), Scale.of(probe.features)
    with one_thread():
        head = fit_head(probe.goal, scale.apply(probe.features), probe.targets, probe.weights, strength)
    return float(held.goal.measure(held.targets, head.logits(scale.apply(held.features)))[1].mean())


def _nearest_mean(probe: Probe, held: Probe) -> float:
    no, yes = (probe.features[probe.classes == one].mean(axis=0) for one in (0, 1))
    nearer = np.square(held.features - yes).sum(axis=1) < np.square(held.features - no).sum(axis=1)
    return float((nearer == held.classes.astype(bool)).mean())


def _print_accuracies(drawn: Callable[[int, int], tuple[Probe, Probe]], count: int, seeds: int) -> None:
    rows = []
    for seed in range(seeds):
        probe, held = drawn(seed, count)
        checked = cross_validate(probe, seed)
        assert checked is not None, "the photos are distinct"
        own = float(probe.goal.measure(probe.targets, checked.logits)[1].mean())
        rows.append((_accuracy(probe, held), _nearest_mean(probe, held), own))
    means, spreads = 100 * np.mean(rows, axis=0), 100 * np.std(rows, axis=0, ddof=1)
    cells = (f"{mean:.1f} +- {spread:.1f} %" for mean, spread in zip(means, spreads, strict=True))
    print(f"{count:16d} | {' | '.join(cells)}", flush=True)


def _print_coverage(drawn: Callable[[int, int], tuple[Probe, Probe]], count: int, seeds: int) -> None:
    """Count how often the accuracy with more photos lies in the interval predicted from ``count`` per class."""
    inside = [0] * len(MORE)
    for seed in range(seeds):
        probe, held = drawn(seed, count)
        curve = learning_curve(probe, choose_strength(probe, 0), seed)
        assert curve is not None, "the photos are distinct"
        for at, (factor, point) in enumerate(zip(MORE, curve.predicted, strict=True)):
            inside[at] += point.low <= _accuracy(drawn(seed, factor * count)[0], held) <= point.high
    said = ", ".join(f"{n} of {seeds} for {factor} times the photos" for factor, n in zip(MORE, inside, strict=True))
    print(f"curve from {2 * count} photos, accuracy inside its interval: {said}", flush=True)


if __name__ == "__main__":
    main()
