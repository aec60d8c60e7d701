"""The video of the detection demo."""

from __future__ import annotations

from pathlib import Path

import cv2
from edgevision.convert.demo.traffic import write_traffic


def test_video_shows_its_objects_and_each_crosses_once(tmp_path: Path) -> None:
    clip = write_traffic(tmp_path / "clip.avi", ("apple", "mug"), 1, per_lane=1)
    assert (clip.rightward, clip.leftward) == (2, 1)
    film = cv2.VideoCapture(str(clip.path))
    frames = []
    while (found := film.read())[0]:
        frames.append(found[1])
    assert len(frames) == len(clip.frames) > 60
    centers = [[(o.box[0] + o.box[2]) / 2 for o in frame] for frame in clip.frames]
    assert max(map(len, centers)) == 3
    assert not centers[-1] or max(abs(x - 240) for x in centers[-1]) > 200
    number = next(n for n, frame in enumerate(clip.frames) if frame and 200 < frame[0].box[0] < 260)
    x0, y0, x1, y1 = map(int, clip.frames[number][0].box)
    inside = frames[number][y0:y1, x0:x1].astype(float)
    assert inside.std() > frames[0].astype(float).std() * 0.5
