"""Measure how well objects are tracked and counted on films drawn with known truth, and what tracking costs.

    python benchmarks/tracking.py [--draws 5] [--cost-only] [--rounds 40]

Quality: films of tests/helpers/drawn_films.py run through the loop. Their detector reads from the pixels what can be seen of
each thing, and adds the errors of a real one: jitter, scores that fall with what is covered, misses, inventions. Of each film:
crossings counted and true, HOTA (Luiten et al., 2021, IJCV 129), IDF1 (Ristani et al., 2016, ECCV Workshops) and switched
identities, as the package trackeval computes them. Things of which less than a third can be seen are not part of the truth.
``--draws`` repeats the hard films with other errors of the detector and other ways of the crowd. The exit status is 1 if
a simple film is counted wrong, or more than 5 % of the crossings of all hard films.

Cost: milliseconds of processor time per frame with 20 objects that move, tracking alone, in blocks that alternate with
blocks of decoding a detector's output with 20 objects; the ratio and its 95 % interval come from the pairs of blocks.

trackeval is only needed here. It requires opencv-python, whose files would replace those of opencv-python-headless, so:

    pip install --no-deps trackeval && pip install scipy tabulate
"""

from __future__ import annotations

import argparse
import statistics
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))

from drawn_films import SIZE, DrawnDetector, Film, FilmSource, hard_films, simple_films
from edgevision.device.bench.bootstrap import paired_ratio
from edgevision.device.loop.loop import run
from edgevision.device.loop.temporal_filter import TemporalFilter
from edgevision.device.stream.protocols import Sink
from edgevision.device.tracking.matching import overlaps
from edgevision.device.tracking.scene import TrackedScene
from edgevision.device.tracking.shapes import CountLine
from edgevision.device.tracking.tracker import WEAKEST, Tracker

from edgevision.model_file.card import ModelCard
from edgevision.postprocessing.decoder import open_decoder
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Detection, Frame, Prediction, TensorSpec

MAX_ERROR = 0.05
"""Largest share of wrong crossings of the hard films."""
OBJECTS = 20
MAX_MS = 1.0
"""Largest p50 of a frame with OBJECTS objects."""
COLUMNS = "film                       crossings   counted   HOTA   IDF1   switches  things  tracks"


class Answers(Sink):
    """Keeps all predictions."""

    def __init__(self) -> None:
        self.all: list[Prediction] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Keep one."""
        self.all.append(prediction)


def played(film: Film) -> list[Prediction]:
    """Return what the loop shows of each frame of a film."""
    answers = Answers()
    decider = TemporalFilter("detection", floor=WEAKEST)
    scene = TrackedScene(decider.shown_threshold, [CountLine(film.line[:2], film.line[2:], "line")])
    run(FilmSource(film), DrawnDetector(film), [answers], decider=decider, scene=scene)
    return answers.all


def scores(film: Film, answers: Sequence[Prediction]) -> tuple[float, float, int, int, int]:
    """Return HOTA, IDF1, switched identities, number of things and number of tracks."""
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError:
        raise SystemExit(
            "trackeval is missing: pip install --no-deps trackeval && pip install scipy tabulate"
        ) from None
    things, tracks, shared = [], [], []
    for at, answer in zip(film.times, answers, strict=True):
        truth = film.truth(at)
        tracked = [(found.track, found.box) for found in answer.objects if found.track is not None]
        things.append(list(truth))
        tracks.append([number for number, _ in tracked])
        shared.append(overlaps(_boxes(truth.values()).clip(0, (*SIZE, *SIZE)), _boxes(box for _, box in tracked)))
    data = {
        "num_timesteps": len(answers),
        "similarity_scores": shared,
        **_numbered("gt", things),
        **_numbered("tracker", tracks),
    }
    quiet = {"PRINT_CONFIG": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hota = float(HOTA().eval_sequence(data)["HOTA"].mean())
        idf1 = float(Identity(quiet).eval_sequence(data)["IDF1"])
        switches = int(CLEAR(quiet).eval_sequence(data)["IDSW"])
    return hota, idf1, switches, data["num_gt_ids"], data["num_tracker_ids"]


def _boxes(boxes: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(list(boxes), np.float64).reshape(-1, 4)


def _numbered(name: str, frames: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Return the identities of all frames as trackeval wants them: from 0, without gaps."""
    places = {number: place for place, number in enumerate(sorted({number for frame in frames for number in frame}))}
    return {
        f"{name}_ids": [np.array([places[number] for number in frame], int) for frame in frames],
        f"num_{name}_ids": len(places),
        f"num_{name}_dets": sum(map(len, frames)),
    }


def quality(films: Sequence[Film]) -> tuple[int, int]:
    """Print a line for each film; return the number of wrong and of true crossings."""
    wrong = total = 0
    for film in films:
        answers, true = played(film), film.crossings()
        found = answers[-1].counts[0].forward, answers[-1].counts[0].backward
        hota, idf1, switches, things, tracks = scores(film, answers)
        wrong += sum(abs(a - b) for a, b in zip(found, true, strict=True))
        total += sum(true)
        counts = f"{true[0]:>4} {true[1]:>4} {found[0]:>4} {found[1]:>4}"
        print(f"{film.name:<26} {counts}  {hota:.3f}  {idf1:.3f}  {switches:>8}  {things:>6}  {tracks:>6}")
    print(f"{wrong} of {total} crossings wrong ({wrong / total:.1%})\n", flush=True)
    return wrong, total


def all_films(draws: int) -> bool:
    """Measure all films; return whether the counts are as good as they should be."""
    print(f"Simple films\n{COLUMNS}")
    simple, _ = quality(simple_films())
    wrong = total = 0
    for draw in range(draws):
        print(f"Hard films, draw {draw}\n{COLUMNS}")
        more_wrong, more = quality(hard_films(draw))
        wrong, total = wrong + more_wrong, total + more
    print(f"All hard films: {wrong} of {total} crossings wrong ({wrong / total:.1%})")
    return simple == 0 and wrong <= MAX_ERROR * total


def moving(frames: int) -> list[list[Detection]]:
    """Return detections of OBJECTS objects that move through the image, with jitter."""
    rng = np.random.default_rng(0)
    starts, speeds = rng.uniform((50, 50), (1200, 650), (OBJECTS, 2)), rng.normal(0, 4, (OBJECTS, 2))
    made = []
    for number in range(frames):
        centers = (starts + number * speeds) % (1280, 720) + rng.normal(0, 1, (OBJECTS, 2))
        corners = np.concatenate((centers - np.array((20, 40)), centers + np.array((20, 40))), axis=1).tolist()
        made.append([Detection(0, "person", 0.9, (a, b, c, d)) for a, b, c, d in corners])
    return made


def cost(rounds: int) -> bool:
    """Measure the time of a frame; return whether it is short enough."""
    rng = np.random.default_rng(0)
    shapes = (("boxes", (1, OBJECTS, 4)), ("classes", (1, OBJECTS)), ("scores", (1, OBJECTS)), ("count", (1,)))
    card = ModelCard("plain", "detection", Preprocessing(300, 300), ("person",))
    decoder = open_decoder(card, [TensorSpec(name, shape, "float32") for name, shape in shapes])
    corners = np.sort(rng.random((OBJECTS, 2, 2)), axis=1).reshape(1, OBJECTS, 4)
    answers = [corners, np.zeros((1, OBJECTS)), np.full((1, OBJECTS), 0.9), np.array([OBJECTS])]
    outputs = [answer.astype(np.float32) for answer in answers]
    films, tracking, decoding = moving(30), [], []
    for _ in range(rounds):
        tracker = Tracker(0.5)
        for number, objects in enumerate(films[:10]):  # the tracks settle
            tracker.update(objects, (1280, 720), number / 30)
        begun = process_time()
        for number, objects in enumerate(films[10:], 10):
            tracker.update(objects, (1280, 720), number / 30)
        middle = process_time()
        for _ in range(20):
            decoder.decode(outputs, (1280, 720), 5, 0.1)
        ended = process_time()
        tracking.append((middle - begun) / 20 * 1e3)
        decoding.append((ended - middle) / 20 * 1e3)
    ratio = paired_ratio(tracking, decoding, seed=0)
    p50 = statistics.median(tracking)
    print(
        f"{OBJECTS} objects, {rounds} blocks of 20 frames, ms of processor time per frame (median of the blocks; fastest block)"
    )
    print(f"tracking {p50:.3f}; {min(tracking):.3f}")
    print(f"decoding {statistics.median(decoding):.3f}; {min(decoding):.3f}")
    print(f"tracking / decoding {ratio.value:.2f} ({ratio.low:.2f}..{ratio.high:.2f})")
    return p50 < MAX_MS


def main() -> int:
    """Run what was asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=5, help="how many times the hard films are drawn [default: 5]")
    parser.add_argument("--rounds", type=int, default=40, help="blocks for the cost [default: 40]")
    parser.add_argument("--cost-only", action="store_true", help="leave out the films")
    given = parser.parse_args()
    counted = given.cost_only or all_films(given.draws)
    return 0 if cost(given.rounds) and counted else 1


if __name__ == "__main__":
    sys.exit(main())
