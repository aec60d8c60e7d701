"""The best image of each object: large, certain and whole, in bounded memory."""

from __future__ import annotations

import numpy as np
from edgevision.device.tracking.best_crops import LONGEST, BestCrops
from edgevision.device.tracking.track import Track, begin

from edgevision.types import Detection, Frame


def frame(value: int, width: int = 640, height: int = 480) -> Frame:
    return Frame(np.full((height, width, 3), value, np.uint8))


def track(box: tuple[float, float, float, float], score: float = 0.9, number: int = 1) -> Track:
    made = begin(Detection(0, "cat", score, box), 0.0)
    made.id = number
    return made


def test_larger_more_certain_and_whole_objects_are_kept() -> None:
    crops = BestCrops()
    small, large, at_edge = (100, 100, 150, 200), (100, 100, 200, 300), (0, 0, 110, 200)
    for value, seen in enumerate([track(small), track(large), track(small), track(at_edge), track(large, 0.5)]):
        crops.see(frame(value), seen)
    kept = crops.of(1)
    assert kept is not None
    assert (kept.pixels == 1).all()
    assert (kept.width, kept.height) == (121, 241)  # with a margin of a tenth


def test_crop_is_a_copy_and_not_larger_than_needed() -> None:
    crops, image = BestCrops(), frame(7, 1920, 1080)
    crops.see(image, track((100, 100, 1000, 1000)))
    kept = crops.of(1)
    assert kept is not None
    assert max(kept.width, kept.height) == LONGEST
    assert not np.shares_memory(kept.pixels, image.pixels)


def test_memory_is_bounded_and_freed() -> None:
    crops = BestCrops(max_bytes=100_000)
    for number in range(1, 20):
        crops.see(frame(number), track((100, 100, 180, 180), number=number))  # 97 x 97 x 3 bytes each
    assert [crops.of(number) is not None for number in (1, 16, 17, 18, 19)] == [False, False, True, True, True]
    crops.forget(19)
    assert crops.of(19) is None


def test_points_have_no_crop() -> None:
    crops = BestCrops()
    crops.see(frame(1), track((100, 100, 100, 100)))
    assert crops.of(1) is None
