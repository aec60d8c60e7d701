"""Days before a fixed camera, drawn: sun, shadows, clouds, lamps at night and visitors; and what can happen to the camera.

The place is drawn, too, or a photo, of which the camera sees a part. Nothing is learned from these images. They stand for a
real scene where weeks of film would be needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from edgevision.convert.synthetic.backgrounds import background
from edgevision.convert.synthetic.objects import THINGS
from edgevision.convert.synthetic.scene import Light, Pose, place

from edgevision.preprocessing import decode
from edgevision.types import Frame

if TYPE_CHECKING:
    from edgevision.convert.synthetic.shapes import Canvas

WIDTH, HEIGHT = 160, 120
HORIZON = 0.4
"""Share of the image above the ground."""
Change = Literal["none", "fog", "mount", "season"]
CHANGES: tuple[Change, ...] = ("none", "fog", "mount", "season")
SEASON_DAYS = 10.0
"""Time in which a season changes completely."""
FOG_HOURS = 1.0
"""Time in which the lens fogs up."""


@dataclass(frozen=True)
class Scene:
    """A yard in front of a camera. The same seed gives the same images."""

    seed: int
    change: Change = "none"
    changed_at_h: float = 0.0
    """When the change begins, in hours after the first midnight."""

    def frame(self, at_h: float, index: int = 0) -> Frame:
        """Return what the camera sees at a time, in hours after the first midnight."""
        random = np.random.default_rng([self.seed, 1, round(at_h * 3600)])
        canvas = self._lit(at_h)
        self._visit(canvas, at_h)
        seen = self._through_lens(canvas * self._exposure(canvas), at_h)
        seen += random.standard_normal(seen.shape, np.float32) * np.float32(2.0 + 6.0 * (1.0 - daylight(at_h)))
        pixels = np.clip(np.round(seen), 0, 255).astype(np.uint8)
        return Frame(pixels, "RGB", index=index, source=f"drawn:{self.seed}", captured_at=at_h * 3600.0)

    def _progress(self, change: Change, at_h: float, hours: float) -> float:
        """Return how far a change has gone, 0..1."""
        return float(np.clip((at_h - self.changed_at_h) / hours, 0.0, 1.0)) if self.change == change else 0.0

    @cached_property
    def _summer(self) -> Canvas:
        return self._surfaces(np.random.default_rng([self.seed, 0]))

    @cached_property
    def _winter(self) -> Canvas:
        """The same yard under snow, with bare trees."""
        gray = self._summer.mean(axis=2, keepdims=True)
        snow = np.clip(150.0 + 0.45 * gray, 0, 255) * np.array([0.97, 1.0, 1.03], np.float32)
        bare = self._summer * np.array([0.8, 0.62, 0.6], np.float32)
        lies = np.zeros((HEIGHT, WIDTH, 1), np.float32)
        lies[int(HORIZON * HEIGHT) :] = 0.9
        return np.asarray(bare * (1 - lies) + snow * lies, np.float32)

    def _surfaces(self, random: np.random.Generator) -> Canvas:
        """Return the colors of sky, house, trees and ground in even light, (height, width, 3), 0..255."""
        canvas = np.empty((HEIGHT, WIDTH, 3), np.float32)
        edge = int(HORIZON * HEIGHT)
        canvas[:edge] = np.array([150, 185, 225], np.float32)
        canvas[edge:] = background(random, WIDTH, HEIGHT - edge) * 0.6 + np.array([40, 62, 24], np.float32)
        x, width = int(random.integers(0, WIDTH - 60)), int(random.integers(35, 60))
        canvas[8 : edge + 12, x : x + width] = background(random, width, edge + 4)
        for _ in range(5):
            center = (int(random.integers(WIDTH)), int(random.integers(edge - 14, edge + 6)))
            cv2.circle(canvas, center, int(random.integers(8, 18)), (48.0, 92.0, 40.0), -1)
        return canvas

    def _place(self, at_h: float) -> Canvas:
        """Return the colors of what is before the camera at a time, in even light."""
        winter = self._progress("season", at_h, 24 * SEASON_DAYS)
        return self._summer * (1 - winter) + self._winter * winter

    def _lit(self, at_h: float) -> Canvas:
        """Return the yard in the light of a time: color and strength of the sun, moving shadows, a lamp at night."""
        day, cloudy = daylight(at_h), self.clouds(at_h)
        canvas = self._place(at_h)
        hour = at_h % 24.0
        shift = np.array([[1, 0, (hour - 12.0) * 5.0], [0, 1, 6.0]])
        tall = (self._summer.mean(axis=2) < 95).astype(np.float32)
        tall[int(HORIZON * HEIGHT) + 8 :] = 0
        shadow = cv2.GaussianBlur(cv2.warpAffine(tall, shift, (WIDTH, HEIGHT)), (0, 0), 2.0)
        warm = np.array([1.0 + 0.15 * (1 - day), 1.0, 1.0 - 0.2 * (1 - day)], np.float32)
        sun = day * (1.0 - 0.55 * cloudy) * (1.0 - 0.45 * (1 - cloudy) * shadow)[..., None] * warm
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        lamp = 0.3 * np.exp(-((x - 0.7 * WIDTH) ** 2 + (y - 0.55 * HEIGHT) ** 2) / (2 * 28.0**2))[..., None]
        return np.asarray(canvas * (sun + (1 - day) * (0.03 + lamp)), np.float32)

    def clouds(self, at_h: float) -> float:
        """Return how cloudy it is, 0..1: each day has a weather of its own, which varies within it."""
        days = np.floor(at_h / 24.0 + 0.5) + np.array([-0.5, 0.5])
        of_days = [np.random.default_rng([self.seed, 2, int(2 * day) + 10]).uniform() for day in days]
        within = np.random.default_rng([self.seed, 3, int(at_h * 2)]).uniform(-0.25, 0.25)
        mixed = np.interp(at_h / 24.0, days, of_days)
        return float(np.clip(mixed + within, 0.0, 1.0))

    def _visit(self, canvas: Canvas, at_h: float) -> None:
        """Draw who is there: someone new every six minutes, more often by day than by night. Changes ``canvas``."""
        random = np.random.default_rng([self.seed, 4, int(at_h * 10)])
        if random.random() > 0.1 + 0.3 * daylight(at_h):
            return
        name = str(random.choice(sorted(THINGS)))
        parts = THINGS[name](random)
        pose = Pose(
            random.uniform(0.2, 1.1), random.uniform(0.6, 0.9), random.uniform(0.06, 0.16), random.uniform(0, 6.2)
        )
        drawn = canvas.copy()
        place(drawn, parts, pose, Light(random.uniform(0, 6.2), 1.0, 0.0, (1.0, 1.0, 1.0), 0.0, 0.0))
        dim = 0.15 + 0.85 * daylight(at_h)
        painted = np.abs(drawn - canvas).max(axis=2, keepdims=True) > 1.0
        canvas[:] = np.where(painted, drawn * dim, canvas)

    def _exposure(self, canvas: Canvas) -> np.float32:
        """Return the gain of an automatic exposure, which evens out most of the light."""
        return np.float32(min(5.0, (105.0 / max(4.0, float(canvas.mean()))) ** 0.7))

    def _through_lens(self, seen: Canvas, at_h: float) -> Canvas:
        fog = self._progress("fog", at_h, FOG_HOURS)
        if fog:
            seen = cv2.GaussianBlur(seen, (0, 0), 0.3 + 3.5 * fog)
            seen = seen * (1 - 0.6 * fog) + 0.6 * fog * seen.mean()
        if self._progress("mount", at_h, 1e-3):
            seen = self._pushed(seen)
        return np.asarray(seen, np.float32)

    def _pushed(self, seen: Canvas) -> Canvas:
        """Return what the camera sees after a push: turned by 6 degrees, 12 % nearer, a sixth of the width aside."""
        return np.asarray(
            cv2.warpAffine(seen, _push(WIDTH, HEIGHT), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.float32
        )


@dataclass(frozen=True)
class PhotoScene(Scene):
    """The place that a photo shows, under the same sky: the camera sees its middle and, once pushed, what lies beside it."""

    photo: Path = Path()

    @cached_property
    def _summer(self) -> Canvas:
        return self._part(self._whole)

    @cached_property
    def _aside(self) -> Canvas:
        high, wide = self._whole.shape[:2]
        turned = cv2.warpAffine(self._whole, _push(wide, high), (wide, high), borderMode=cv2.BORDER_REFLECT)
        return self._part(turned)

    @cached_property
    def _whole(self) -> Canvas:
        """The photo, half as wide and high again as the view."""
        pixels = decode.read(self.photo).pixels[..., ::-1]
        scale = 1.5 * max(WIDTH / pixels.shape[1], HEIGHT / pixels.shape[0])
        size = (round(scale * pixels.shape[1]), round(scale * pixels.shape[0]))
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)  # noqa: TID251

    def _place(self, at_h: float) -> Canvas:
        return self._aside if self._progress("mount", at_h, 1e-3) else super()._place(at_h)

    def _pushed(self, seen: Canvas) -> Canvas:
        return seen

    @staticmethod
    def _part(whole: Canvas) -> Canvas:
        """Return the middle, as large as the view."""
        y, x = ((whole.shape[axis] - side) // 2 for axis, side in ((0, HEIGHT), (1, WIDTH)))
        return np.ascontiguousarray(whole[y : y + HEIGHT, x : x + WIDTH])


def _push(wide: int, high: int) -> Canvas:
    """Return the affine transform of a push, for an image of this size."""
    turn = cv2.getRotationMatrix2D((wide / 2, high / 2), 6.0, 1.12)
    turn[:, 2] += (0.16 * WIDTH, -0.1 * HEIGHT)
    return np.asarray(turn, np.float32)


def daylight(at_h: float) -> float:
    """Return the strength of the daylight at a time, 0..1: dark from about 20 to 4 o'clock."""
    height = np.sin((at_h % 24.0 - 6.0) / 12.0 * np.pi)
    return float(np.clip((height + 0.35) / 1.0, 0.0, 1.0))
