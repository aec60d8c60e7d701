"""Measure how often drift is reported on unchanged scenes, how soon when something changes, and what the watch costs.

    edgevision convert network.h5 --calibration photos/ --with-embedding -o model.tflite
    python benchmarks/drift.py model.tflite [--scenes 8] [--photos DIR] [--changes fog mount] [--days 30] [--without-features]

Films: days before a fixed camera, drawn by tests/helpers/drawn_days.py with sun, moving shadows, weather, a lamp and visitors,
one frame every ten minutes, six in each hour where a camera at work gives 360. The place is drawn, too, or with --photos what
a photo shows. They run through the loop with the real model.
For each scene: an unchanged film of --days days; then, after nine days, the lens fogs up within an hour, the mount is pushed,
or a season changes over ten days, each beginning at 10 and at 22 o'clock. An alarm before the change counts as false.
The exit status is 1 if there was a false alarm, or a change was not reported.

Cost: processor time of a look, every 10 s, and of the check of every other frame, beside that of a prediction.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from time import process_time
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))

from drawn_days import Change, PhotoScene, Scene
from edgevision.device.drift.state_file import Subject
from edgevision.device.drift.watch import DriftWatch
from edgevision.device.loop.loop import run
from edgevision.device.stream.events import Event
from edgevision.device.stream.protocols import Sink, Source

from edgevision import open_model
from edgevision.model import Model
from edgevision.types import Frame, Prediction

CHANGED_AT_DAY = 9
FILM_DAYS: dict[Change, int] = {"fog": 12, "mount": 12, "season": 24}
PER_HOUR = 6


class Film(Source):
    """Days as a live camera delivers them."""

    live = True

    def __init__(self, scene: Scene, days: int) -> None:
        self.spec = f"drawn:{scene.seed}:{scene.change}"
        self._scene, self._hours = scene, 24 * days

    def __iter__(self) -> Iterator[Frame]:
        """Yield six frames an hour."""
        for index in range(self._hours * PER_HOUR):
            yield self._scene.frame((index + 0.5) / PER_HOUR, index)


class Alarms(Sink):
    """Keeps the hours of the alarms; raises nothing else."""

    def __init__(self) -> None:
        self.hours: list[float] = []
        self.measures: list[str | None] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Remember the time."""
        self._hour = (frame.captured_at or 0.0) / 3600

    def event(self, event: Event) -> None:
        """Keep an alarm."""
        if event.kind == "drift":
            self.hours.append(self._hour)
            self.measures.append(event.measure)


def watch_of(model: Model) -> DriftWatch:
    """Return a watch that keeps nothing."""
    return DriftWatch(model.drift_reader(), model.card.drift, lambda: Subject(model.sha256, "drawn"), None)


def played(model: Model, scene: Scene, days: int) -> Alarms:
    """Run the loop on a film."""
    alarms, watch = Alarms(), watch_of(model)
    model.observer = watch.observe
    run(Film(scene, days), model, [alarms], watch=watch, tell_changes=False)
    return alarms


class Totals(NamedTuple):
    """What was counted over all scenes."""

    false: int
    missed: int


Place = Callable[[Change, float], Scene]
"""Returns the scene of a place, with what happens and when, in hours."""


def places(count: int, photos: Path | None) -> dict[str, Place]:
    """Return name -> place: drawn ones, or photos of a folder, chosen at random."""
    if photos is None:
        return {f"drawing {seed}": partial(Scene, seed) for seed in range(count)}
    found = sorted(path for path in photos.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    chosen = Random(0).sample(found, min(count, len(found)))
    return {path.name: partial(_photo, seed, path) for seed, path in enumerate(chosen)}


def _photo(seed: int, path: Path, change: Change, at_h: float) -> Scene:
    return PhotoScene(seed, change, at_h, path)


def films(model: Model, scenes: Mapping[str, Place], days: int, changes: Sequence[Change]) -> Totals:
    """Print a line for each film."""
    false = missed = 0
    for name, place in scenes.items():
        found = played(model, place("none", 0.0), days)
        false += len(found.hours)
        print(f"{name}: unchanged, {days} days: {len(found.hours)} false alarms", flush=True)
        for change, length in ((one, FILM_DAYS[one]) for one in changes):
            for clock in (10, 22) if change != "season" else (0,):
                at = 24 * CHANGED_AT_DAY + clock
                found = played(model, place(change, at), length)
                early = [hour for hour in found.hours if hour < at]
                late = [hour - at for hour in found.hours if hour >= at]
                false, missed = false + len(early), missed + (not late)
                after = f"reported after {late[0]:.1f} h by {found.measures[len(early)]}" if late else "not reported"
                print(f"{name}: {change} at {clock}:00: {after}, {len(early)} false alarms before", flush=True)
    return Totals(false, missed)


def cost(model: Model, rounds: int) -> None:
    """Print the processor time of a look, of a frame that is not looked at, and of a prediction."""
    watch, frame = watch_of(model), Scene(0).frame(12.0)
    outputs = model.engine.infer(model.prepare(frame))
    looks: list[float] = []
    others: list[float] = []
    predictions: list[float] = []
    for number in range(rounds):
        due = Frame(frame.pixels, "RGB", number, 10.0 * number)
        not_due = Frame(frame.pixels, "RGB", number, 10.0 * number + 1)
        for seen, times in ((due, looks), (not_due, others)):
            begun = process_time()
            watch.observe(seen, outputs)
            times.append((process_time() - begun) * 1e3)
        begun = process_time()
        model.predict(frame)
        predictions.append((process_time() - begun) * 1e3)
    look, other, predict = (statistics.median(times) for times in (looks, others, predictions))
    share = (look + 99 * other) / (100 * predict)
    print(
        f"medians of {rounds}, ms of processor time: a look {look:.4f}, another frame {other:.4f}, a prediction {predict:.3f}"
    )
    print(f"at 10 frames per second, one look in 100 frames: {share:.2%} of the predictions")


def main() -> int:
    """Run what was asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a converted .tflite")
    parser.add_argument("--scenes", type=int, default=8, help="number of scenes [default: 8]")
    parser.add_argument("--photos", type=Path, help="folder of photos whose places the camera sees")
    parser.add_argument("--changes", nargs="*", choices=[*FILM_DAYS], default=[*FILM_DAYS], help="what happens [all]")
    parser.add_argument("--days", type=int, default=30, help="length of the unchanged film [default: 30]")
    parser.add_argument("--without-features", action="store_true", help="compare the scores alone")
    parser.add_argument("--rounds", type=int, default=300, help="repetitions for the cost [default: 300]")
    parser.add_argument("--cost-only", action="store_true", help="leave out the films")
    given = parser.parse_args()
    with closing(open_model(given.model, threads=1)) as model:
        if given.without_features:
            model.card = model.card.with_(embedding=None)
        cost(model, given.rounds)
        if given.cost_only:
            return 0
        totals = films(model, places(given.scenes, given.photos), given.days, given.changes)
    print(f"{totals.false} false alarms, {totals.missed} changes not reported")
    return 1 if totals.false or totals.missed else 0


if __name__ == "__main__":
    sys.exit(main())
