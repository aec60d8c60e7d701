"""Compare ways to train on several photo sets: ``edgevision train`` as it is, parts of it, and the recipe of Keras' tutorial.

    python benchmarks/training.py run RESULTS.jsonl --cats-and-dogs DIR --blood-cells DIR [--set NAME ...]
                                  [--recipe NAME ...] [--seeds 5] [--weights W.h5 --backbone NAME --image-size N]
    python benchmarks/training.py table RESULTS.jsonl

``run`` adds a line per training to RESULTS.jsonl and skips those that are there already, so that it can be interrupted.
Each training is a child process. Its budget is processor time, counted as if two cores did nothing else: --minutes 10 are
1,200 processor seconds, so that other work on the machine does not change the result. The seed draws the photos that are
learned from and starts the training; the test photos stay the same and take no part in any choice. ``table`` prints
Markdown: mean accuracy over the seeds, the 95 % interval of the mean (Student's t over seeds; for one or two, Wilson's over
photos, and marked so), and processor minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from photo_sets import SETS, Sources
from training_recipes import RECIPES, train_with

from edgevision.evaluation.intervals import wilson

CORES = 2
"""Idle cores that the budget stands for."""
NETWORKS = {
    "mobilenet_v2 starter 96": "MobileNetV2 0.35, starter, 96 px",
    "mobilenet mobilenet_v1_0.25_224_imagenet.h5": "MobileNetV1 0.25, ImageNet, 224 px",
    "default": "EfficientNet-Lite0, ImageNet, 224 px",
}
"""Networks as given -> as the table shows them, in its order."""
MIN_SEEDS = 3
"""Seeds from which the interval is that of their mean."""
T_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Two-sided 95 % quantiles of Student's t by degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training."""

    set: str
    recipe: str
    seed: int
    minutes: float
    network: str
    """Backbone, weights and image size as given, for the table."""


@dataclass(frozen=True, slots=True)
class Line:
    """A measured training."""

    job: Job
    right: int
    total: int
    """Number of test photos."""
    cpu_s: float
    wall_s: float


def processor_clock() -> float:
    """Return the seconds that this process would have taken on idle cores."""
    return time.process_time() / CORES


def child(arguments: argparse.Namespace) -> None:
    """Train once and print right, total as JSON."""
    sources = Sources(arguments.cats_and_dogs, arguments.blood_cells)
    with tempfile.TemporaryDirectory() as scratch:
        photos = SETS[arguments.set[0]].write(sources, Path(scratch) / "photos", arguments.first_seed)
        network = {name: getattr(arguments, name) for name in ("weights", "backbone", "image_size")}
        given = {name: value for name, value in network.items() if value is not None}
        recipe = RECIPES[arguments.recipe[0]]
        right, total = train_with(
            recipe, photos, Path(scratch), given, arguments.first_seed, 60 * arguments.minutes, processor_clock
        )
    print(json.dumps([right, total]))


def run(arguments: argparse.Namespace) -> None:
    """Run the jobs that are not in the file of results, the first seed of all of them before the second."""
    known = {line.job for line in read(arguments.results)}
    named = " ".join(str(getattr(arguments, name) or "") for name in ("backbone", "weights", "image_size")).split()
    network = " ".join(Path(one).name for one in named) or "default"
    for seed in range(arguments.seeds):
        for recipe in arguments.recipe or RECIPES:
            for name in arguments.set or SETS:
                job = Job(name, recipe, seed, arguments.minutes, network)
                if job not in known:
                    measured = measure(job, arguments)
                    with arguments.results.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps(asdict(measured)) + "\n")
                    print(f"{name} {recipe} seed {seed}: {measured.right} of {measured.total}", flush=True)


def measure(job: Job, arguments: argparse.Namespace) -> Line:
    """Run a training as a child and count its processor time."""
    command = [sys.executable, __file__, "child", str(arguments.results)]
    command += ["--set", job.set, "--recipe", job.recipe, "--first-seed", str(job.seed), "--minutes", str(job.minutes)]
    for name in ("cats_and_dogs", "blood_cells", "weights", "backbone", "image_size"):
        if getattr(arguments, name) is not None:
            command += ["--" + name.replace("_", "-"), str(getattr(arguments, name))]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    right, total = json.loads(done.stdout.splitlines()[-1])
    return Line(job, right, total, round(cpu_s, 1), round(time.monotonic() - started, 1))


def read(path: Path) -> list[Line]:
    """Return the measured trainings of a file; none if it does not exist."""
    rows: list[dict[str, Any]] = []
    if path.exists():
        rows = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
    return [Line(**{**row, "job": Job(**row["job"])}) for row in rows]


def table(lines: Sequence[Line]) -> str:
    """Return the results as Markdown, one row for each network, set and recipe."""
    text = [
        "| photos | network | recipe | accuracy | 95 % interval | seeds | CPU minutes |",
        "|---|---|---|---|---|---|---|",
    ]
    groups: dict[Job, list[Line]] = {}
    for line in lines:
        groups.setdefault(replace(line.job, seed=0), []).append(line)
    for job, found in sorted(groups.items(), key=lambda group: _place(group[0])):
        shares = [100 * line.right / line.total for line in found]
        low, high, mark = interval(found)
        minutes = statistics.mean(line.cpu_s for line in found) / 60
        network = NETWORKS.get(job.network, job.network)
        text.append(
            f"| {SETS[job.set].title} | {network} | {RECIPES[job.recipe].title} | {statistics.mean(shares):.1f} % "
            f"| {low:.1f} to {high:.1f}{mark} | {len(found)} | {minutes:.1f} |"
        )
    return "\n".join(text)


def _place(job: Job) -> tuple[int, int, int]:
    """Return where a row of the table stands."""
    networks = list(NETWORKS)
    network = networks.index(job.network) if job.network in NETWORKS else len(networks)
    return network, list(SETS).index(job.set), list(RECIPES).index(job.recipe)


def interval(lines: Sequence[Line]) -> tuple[float, float, str]:
    """Return the 95 % interval of the mean accuracy in percent, and a mark if it is that of the photos."""
    if len(lines) < MIN_SEEDS:
        low, high = wilson(round(statistics.mean(line.right for line in lines)), lines[0].total)
        return 100 * low, 100 * high, " (photos)"
    shares = [100 * line.right / line.total for line in lines]
    freedom = len(shares) - 1
    half = T_95.get(freedom, 1.96) * statistics.stdev(shares) / math.sqrt(len(shares))
    return statistics.mean(shares) - half, statistics.mean(shares) + half, ""


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=("run", "table", "child"))
    parser.add_argument("results", type=Path)
    parser.add_argument("--cats-and-dogs", type=Path, help="folder with train/ and test/")
    parser.add_argument("--blood-cells", type=Path, help="folder of images and Pascal VOC annotations")
    parser.add_argument("--set", action="append", choices=tuple(SETS))
    parser.add_argument("--recipe", action="append", choices=tuple(RECIPES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=10.0, help="time budget on idle cores")
    parser.add_argument("--weights")
    parser.add_argument("--backbone")
    parser.add_argument("--image-size", type=int)
    return parser.parse_args()


def main() -> None:
    """Run the command line."""
    arguments = parse()
    if arguments.do == "table":
        print(table(read(arguments.results)))
    else:
        {"run": run, "child": child}[arguments.do](arguments)


if __name__ == "__main__":
    main()
