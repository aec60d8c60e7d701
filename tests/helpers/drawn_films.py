"""Films drawn with known truth, for tests and benchmarks of tracking and counting: things that cross, hide, return and hurry.

Every thing has a gray value of its own, so that what of it is visible in a frame can be read from the pixels: ``DrawnDetector``
does that, with the errors of a real detector: boxes of the visible part with jitter, scores that fall when a thing is covered,
misses, and inventions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

import cv2
import numpy as np
import numpy.typing as npt
from edgevision.device.stream.protocols import Predictor, Source

from edgevision.types import Detection, Frame, Prediction

SIZE = (640, 360)
"""Width and height of all films in pixels."""
Point = tuple[float, float]
Path = Callable[[float], Point]
"""Returns the center of a thing in pixels at a time in seconds."""
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Thing:
    """Something that moves through a film; nearer things, which come later in a film, cover it."""

    path: Path
    size: tuple[float, float] = (30, 60)
    kind: int = 0
    """Index of its class."""
    begins_s: float = -inf
    ends_s: float = inf

    def box(self, at: float) -> Box:
        """Return its box in pixels, which may lie outside the frame."""
        (x, y), (w, h) = self.path(at), self.size
        return x - w / 2, y - h / 2, x + w / 2, y + h / 2


@dataclass(frozen=True)
class Film:
    """A scene, how it is filmed, and what its detector gets wrong."""

    name: str
    things: Sequence[Thing]
    seconds: float
    fps: float = 15.0
    walls: Sequence[tuple[int, int, int, int]] = ()
    """Boxes in pixels that cover everything."""
    line: tuple[float, float, float, float] = (0.5, 0.0, 0.5, 1.0)
    """Counting line, as fractions of the frame."""
    jitter: float = 0.03
    """Standard deviation of each edge of a detected box, as a share of its side."""
    missed: float = 0.0
    """Share of detections that are missing at random."""
    invented: float = 0.0
    """Number of detections per frame of nothing at all."""
    seed: int = 0
    times: tuple[float, ...] = field(init=False)
    """Time of each frame in seconds."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", tuple(n / self.fps for n in range(round(self.seconds * self.fps))))

    def draw(self, at: float) -> npt.NDArray[np.uint8]:
        """Return the frame at a time: 0 is background, 255 a wall, n + 1 the n-th thing."""
        image = np.zeros((SIZE[1], SIZE[0]), np.uint8)
        for number, thing in enumerate(self.things):
            if thing.begins_s <= at < thing.ends_s:
                _fill(image, thing.box(at), number + 1)
        for wall in self.walls:
            _fill(image, wall, 255)
        return image

    def truth(self, at: float) -> dict[int, Box]:
        """Return number -> box of the things of which at least a third can be seen in the frame."""
        image = self.draw(at)
        counts = np.bincount(image.reshape(-1), minlength=256)
        boxes = {n: thing.box(at) for n, thing in enumerate(self.things)}
        return {n: box for n, box in boxes.items() if counts[n + 1] >= _area(box) / 3 and counts[n + 1] > 0}

    def crossings(self) -> tuple[int, int]:
        """Return how often things cross the line forward and backward, whether they can be seen or not."""
        forward = backward = 0
        for thing in self.things:
            sides = [self._side(thing.box(at)) for at in self.times if thing.begins_s <= at < thing.ends_s]
            changes = [(a, b) for a, b in pairwise(sides) if a != b]
            forward += sum(b for _, b in changes)
            backward += sum(a for a, _ in changes)
        return forward, backward

    def _side(self, box: Box) -> bool:
        """Return whether the foot of a box is on the right of the line, which has to span the frame."""
        x0, y0, x1, y1 = (part * side for part, side in zip(self.line, (*SIZE, *SIZE), strict=True))
        x, y = (box[0] + box[2]) / 2, box[3]
        return (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0


class FilmSource(Source):
    """Reads a film as a video."""

    live = False

    def __init__(self, film: Film) -> None:
        self.film, self.spec = film, f"{film.name}.avi"

    def __iter__(self) -> Iterator[Frame]:
        """Yield all frames."""
        for index, at in enumerate(self.film.times):
            yield Frame(self.film.draw(at), "GRAY", index, None, self.spec, at)


class DrawnDetector(Predictor):
    """Finds the things of a film in its frames, as well as the film says."""

    def __init__(self, film: Film) -> None:
        self._film, self._random = film, np.random.default_rng(film.seed)

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        """Return what is visible, best first."""
        found = [one for one in self._find(image) if one.score >= (threshold or 0.0)]
        return Prediction("detection", objects=tuple(sorted(found, key=lambda one: -one.score)))

    def _find(self, image: Frame) -> Iterator[Detection]:
        counts = np.bincount(image.pixels.reshape(-1), minlength=256)
        for number in np.flatnonzero(counts[1:255]).tolist():
            thing = self._film.things[number]
            seen = counts[number + 1] / max(1.0, thing.size[0] * thing.size[1])
            score = float(np.clip(0.25 + 0.7 * min(seen, 1.0) + self._random.normal(0, 0.04), 0.0, 0.99))
            if seen < 0.12 or self._random.random() < self._film.missed:
                continue
            yield Detection(thing.kind, f"class {thing.kind}", score, self._measured(image.pixels == number + 1))
        for _ in range(self._random.poisson(self._film.invented)):
            x, y = self._random.uniform((0, 0), (SIZE[0] - 40, SIZE[1] - 60))
            yield Detection(0, "class 0", float(self._random.uniform(0.1, 0.7)), (x, y, x + 30, y + 60))

    def _measured(self, mask: npt.NDArray[np.bool_]) -> Box:
        x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
        jitter = self._random.normal(0, self._film.jitter, 4) * (w, h, w, h)
        x0, y0, x1, y1 = (edge + more for edge, more in zip((x, y, x + w, y + h), jitter.tolist(), strict=True))
        x0, y0 = max(0.0, min(x0, SIZE[0] - 1.0)), max(0.0, min(y0, SIZE[1] - 1.0))
        return x0, y0, max(x0 + 1.0, min(x1, float(SIZE[0]))), max(y0 + 1.0, min(y1, float(SIZE[1])))


def straight(start: Point, end: Point, begins_s: float, seconds: float) -> Path:
    """Return a straight way at constant speed, which goes on at both ends."""

    def path(at: float) -> Point:
        share = (at - begins_s) / seconds
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    return path


def back_and_forth(start: Point, end: Point, begins_s: float, seconds: float, rest_s: float = 0.0) -> Path:
    """Return a way from start to end, which takes ``seconds``, a rest there, and the same way back."""

    def path(at: float) -> Point:
        gone = max(0.0, at - begins_s)
        share = min(1.0, gone / seconds) if gone < seconds + rest_s else max(0.0, 2 + (rest_s - gone) / seconds)
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    return path


def wandering(rng: np.random.Generator, speed: float, margin: float = 30.0) -> Path:
    """Return a smooth random way within the frame; ``speed``: about this many pixels per second."""
    low, high = np.array([margin, margin + 30]), np.array(SIZE) - (margin, margin)
    middle, reach = (low + high) / 2, (high - low) / 2
    waves = rng.uniform(0.5, 1.0, (2, 2)) * speed / reach[:, np.newaxis]
    phases = rng.uniform(0, 2 * np.pi, (2, 2))

    def path(at: float) -> Point:
        share = (np.sin(waves * at + phases) * (0.65, 0.35)).sum(axis=1)
        x, y = middle + reach * share
        return float(x), float(y)

    return path


def simple_films() -> list[Film]:
    """Return films in which nothing hides: the count has to be exact."""
    walkers = [
        Thing(straight((-30, y), (670, y), start, way_s) if n % 2 else straight((670, y), (-30, y), start, way_s))
        for n, (y, start, way_s) in enumerate(
            [(80, 0, 5), (160, 1, 4), (240, 2, 6), (300, 5, 4), (120, 6, 5), (200, 9, 3)]
        )
    ]
    returning = [
        Thing(back_and_forth((100, 200), (500, 200), 1, 3, rest_s=1)),
        Thing(straight((700, 90), (-40, 90), 3, 4)),
    ]
    lingering = [Thing(lambda at: (320 + 3 * np.sin(3 * at), 200.0)), Thing(straight((0, 100), (640, 100), 0, 6))]
    return [
        Film("walkers", walkers, 13, missed=0.02),
        Film("turning back", returning, 9, missed=0.02),
        Film(
            "passing by",
            [Thing(straight((100, -40), (100, 400), 0, 4)), Thing(straight((560, 400), (560, -40), 1, 4))],
            6,
        ),
        Film("standing beside the line", [Thing(lambda at: (340 + 2 * np.sin(3 * at), 200.0)), *lingering[1:]], 8),
    ]


def hard_films(draw: int = 0) -> list[Film]:
    """Return films in which things hide behind walls and each other, leave and return, hurry, and crowd.

    ``draw``: another number gives other errors of the detector, and other ways of the crowd.
    """
    rng = np.random.default_rng(7 + draw)
    crossing = [
        Thing(straight((-30, 150 + 12 * n), (670, 190 - 10 * n), 0.7 * n, 4 + n % 3), begins_s=0)
        if n % 2
        else Thing(straight((670, 190 - 10 * n), (-30, 150 + 12 * n), 0.6 * n, 4 + n % 4))
        for n in range(8)
    ]
    behind_walls = [
        Thing(straight((-40, y), (680, y), start, way_s))
        for y, start, way_s in [(100, 0, 6), (220, 1, 5), (300, 3, 7), (160, 5, 4)]
    ]
    leaving = [
        Thing(back_and_forth((560, y), (660, y) if n % 2 else (680, y), 1 + n, 1.5, rest_s=3))
        for n, y in enumerate((90, 180, 270))
    ] + [Thing(back_and_forth((250, 330), (420, 330), 2, 2, rest_s=1))]
    fast = [
        Thing(
            straight((-10, y), (650, y + 40), start, way_s)
            if n % 2
            else straight((650, y), (-10, y - 30), start, way_s),
            (14, 14),
            1,
        )
        for n, (y, start, way_s) in enumerate(
            [
                (60, 0.5, 0.45),
                (120, 1.4, 0.6),
                (200, 2.6, 0.4),
                (260, 3.3, 0.5),
                (90, 4.2, 0.35),
                (310, 5, 0.45),
                (180, 6, 0.5),
            ]
        )
    ]
    crowd = [Thing(wandering(rng, rng.uniform(30, 110)), (26, 52)) for _ in range(30)]
    return [
        Film("crossing", crossing, 13, missed=0.05, invented=0.1, seed=1 + 10 * draw),
        Film(
            "behind walls", behind_walls, 13, walls=[(290, 0, 350, 360)], line=(0.35, 0, 0.35, 1), missed=0.05, seed=2
        ),
        Film("behind walls at the line", behind_walls, 13, walls=[(300, 0, 340, 360)], missed=0.05, seed=3 + 10 * draw),
        Film("leaving and returning", leaving, 11, missed=0.05, invented=0.1, seed=4 + 10 * draw),
        Film("fast and small", fast, 8, fps=15, missed=0.05, seed=5 + 10 * draw),
        Film("thirty", crowd, 20, missed=0.05, invented=0.2, seed=6 + 10 * draw),
        Film("thirty at 5 frames/s", crowd, 20, fps=5, missed=0.05, invented=0.2, seed=7 + 10 * draw),
    ]


def _fill(image: npt.NDArray[np.uint8], box: Sequence[float], value: int) -> None:
    x0, y0, x1, y1 = (round(edge) for edge in box)
    image[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = value


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
