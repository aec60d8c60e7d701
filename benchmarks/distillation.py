"""What a teacher is worth: ``edgevision train`` with and without ``--teacher efficientnet_lite0``, on the same photos and seeds.

    python benchmarks/distillation.py PHOTOS --results taught.jsonl [--seeds 3] [--per-class 200]
                                      [--backbone mobilenet_v2] [--alpha 0.35] [--weights starter] [--image-size 96]
                                      [--time 3600]

PHOTOS has train/ and test/. Each run is one line of the results file: the test photos that were classified correctly, and the
processor time. A run that is in the file already is not repeated, so that an interrupted benchmark goes on. At the end, both
are compared over all seeds on the same test photos, with the paired 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.monitor.observer import TrainingObserver
from edgevision.convert.training.report.result import TrainResult
from edgevision.convert.training.run import TrainRequest, train

from edgevision.datasets.dataset import Dataset, Item, open_dataset
from edgevision.evaluation.evaluate import Evaluation
from edgevision.evaluation.intervals import paired_difference

TEACHERS = ("none", "efficientnet_lite0")


def drawn(photos: Dataset, per_class: int | None, seed: int) -> list[Item]:
    """Return the training photos, or some of each class drawn at random."""
    learn = photos.in_split("train")
    if per_class is None:
        return list(learn)
    random = np.random.default_rng(seed)
    found: list[Item] = []
    for name in photos.classes:
        mine = [item for item in learn if item.labels == (name,)]
        found += [mine[index] for index in random.choice(len(mine), min(per_class, len(mine)), replace=False)]
    return found


def measured(photos: Dataset, some: list[Item], settings: TrainSettings) -> dict[str, object]:
    """Train on some photos; return the correct test photos and the processor time in seconds, child processes included."""
    before = _cpu_seconds()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photos"
        for item in (*some, *photos.in_split("test")):
            path = folder / item.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to((photos.path / item.path).absolute())
        result = train(TrainRequest(folder, settings, Path(scratch) / "runs"), TrainingObserver())
    assert isinstance(result, TrainResult) and isinstance(result.evaluation, Evaluation)  # of a classifier
    right = [path for path, hit in zip(result.evaluation.paths, result.evaluation.metrics.right, strict=True) if hit]
    return {"right": right, "total": len(result.evaluation.paths), "cpu_s": round(_cpu_seconds() - before, 1)}


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _runs(results: Path) -> Iterator[dict[str, object]]:
    if results.exists():
        yield from map(json.loads, results.read_text().splitlines())


def main() -> None:
    """Run what is missing, then print the comparison."""
    given = _parse()
    photos = open_dataset(given.photos)
    network = {name: getattr(given, name) for name in ("backbone", "alpha", "weights", "image_size")}
    key = {"photos": photos.path.name, "per_class": given.per_class, **network}
    for seed in range(given.seeds):
        for teacher in TEACHERS:
            mark = {**key, "seed": seed, "teacher": teacher}
            if any(mark.items() <= run.items() for run in _runs(given.results)):
                continue
            settings = TrainSettings(**network, seed=seed, teacher=teacher, time_s=given.time)
            found = mark | measured(photos, drawn(photos, given.per_class, seed), settings)
            with given.results.open("a") as file:
                file.write(json.dumps(found) + "\n")
            print(f"seed {seed}, teacher {teacher}: {_share(found)}, {found['cpu_s']} s of CPU", flush=True)
    _compare([run for run in _runs(given.results) if key.items() <= run.items()])


def _share(run: dict[str, object]) -> str:
    right, total = run["right"], run["total"]
    assert isinstance(right, list) and isinstance(total, int)
    return f"{len(right)} of {total} ({100 * len(right) / total:.1f} %)"


def _compare(runs: list[dict[str, object]]) -> None:
    by_seed = {(run["seed"], run["teacher"]): run for run in runs}
    counts = np.zeros(4, int)
    seeds = sorted({seed for seed, _ in by_seed if all((seed, teacher) in by_seed for teacher in TEACHERS)}, key=str)
    for seed in seeds:
        plain, taught = (by_seed[seed, teacher] for teacher in TEACHERS)
        first, second = set(plain["right"]), set(taught["right"])  # type: ignore[call-overload]
        neither = int(str(plain["total"])) - len(first | second)
        counts += (len(first & second), len(first - second), len(second - first), neither)
    if seeds:
        change = paired_difference(*map(int, counts))
        print(
            f"{len(seeds)} seeds: {100 * change.value:+.1f} points ({100 * change.low:+.1f} to {100 * change.high:+.1f})"
        )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--per-class", type=int)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--weights", default="starter")
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--time", type=float, default=3600.0, help="seconds; enough for all epochs on a busy machine")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
