"""Drawn images with boxes: reproducible, and read by the reader of box data sets."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
from edgevision.convert.synthetic.box_sets import draw_box_set
from edgevision.convert.synthetic.boxed_scene import draw_boxed_scene

from edgevision.datasets.boxes.open_boxes import open_boxes

CLASSES = ("apple", "banana")


def test_set_is_read_with_the_boxes_that_were_drawn(tmp_path: Path) -> None:
    paths = draw_box_set(tmp_path / "train", CLASSES, 12, 3, 160)
    found = open_boxes(tmp_path)
    assert (len(found.images), found.labels) == (12, CLASSES)
    drawn = [draw_boxed_scene(np.random.default_rng([3, crc32(b"boxes"), n]), CLASSES, 160, 120) for n in range(12)]
    by_name = {Path(image.path).name: image for image in found.images}
    for path, scene in zip(paths, drawn, strict=True):
        image = by_name[path.name]
        assert [(found.labels[box.label], box.box) for box in image.boxes] == [(o.name, o.box) for o in scene.objects]


def test_objects_are_where_their_boxes_are() -> None:
    for seed in range(20):
        scene = draw_boxed_scene(np.random.default_rng(seed), CLASSES, 320, 240)
        for one in scene.objects:
            x0, y0, x1, y1 = one.box
            assert 0 <= x0 < x1 <= 320 and 0 <= y0 < y1 <= 240
            assert 12 < x1 - x0 < 200 and 12 < y1 - y0 < 200
