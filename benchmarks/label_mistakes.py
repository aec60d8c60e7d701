"""How well ``edgevision label --check`` finds planted mistakes: precision and recall.

    python -m benchmarks.label_mistakes PHOTOS --model FEATURES.tflite [--shares 0.01,0.05,0.1] [--seeds 1,2,3]

PHOTOS: class folders whose labels are right. Labels of a share of the photos are exchanged for another class at random; the
photos themselves stay as they are. Features are computed once. Prints one line of JSON per draw.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from edgevision.device.label.mistakes import find_doubts

from edgevision import open_model
from edgevision.datasets.dataset import open_dataset


def measure(vectors: np.ndarray, labels: list[str], share: float, seed: int) -> dict[str, float]:
    """Exchange a share of the labels, look for them, and return what was found."""
    rng = np.random.default_rng(seed)
    count = round(share * len(labels))
    wrong = {int(one) for one in rng.choice(len(labels), count, replace=False)}
    names = sorted(set(labels))
    given = list(labels)
    for index in sorted(wrong):
        given[index] = str(rng.choice([name for name in names if name != labels[index]]))
    found = find_doubts(vectors, given, list(range(len(given))))
    ranked = [one.image for one in found.doubts]
    first = len(set(ranked[:count]) & wrong)
    return {
        "share": share,
        "seed": seed,
        "planted": count,
        "listed": len(ranked),
        "estimated": found.estimate,
        "precision_at_planted": round(first / count, 4),
        "recall": round(len(set(ranked) & wrong) / count, 4),
    }


def main() -> None:
    """Measure all shares and seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--shares", default="0.01,0.05,0.1")
    parser.add_argument("--seeds", default="1,2,3")
    given = parser.parse_args()
    items = open_dataset(given.photos).items
    with open_model(given.model) as model:
        vectors = np.stack([model.embed(item.read()) for item in items])
    for share in map(float, given.shares.split(",")):
        for seed in map(int, given.seeds.split(",")):
            print(json.dumps(measure(vectors, [item.labels[0] for item in items], share, seed)), flush=True)


if __name__ == "__main__":
    main()
