"""Which key points of a person are joined by a line in drawings, by name."""

from __future__ import annotations

from collections.abc import Iterator

from ..types import Keypoint

MIN_SCORE = 0.25
"""Points below this score are not drawn: hidden ones have some place, too."""
BONES = (
    ("left_ear", "left_eye"),
    ("right_ear", "right_eye"),
    ("left_eye", "nose"),
    ("right_eye", "nose"),
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
)


def visible(keypoints: tuple[Keypoint, ...]) -> dict[str, Keypoint]:
    """Return the points to draw, by name."""
    return {point.name: point for point in keypoints if point.score is None or point.score >= MIN_SCORE}


def bones(points: dict[str, Keypoint]) -> Iterator[tuple[Keypoint, Keypoint]]:
    """Yield the ends of each line between points that are there."""
    for first, second in BONES:
        if first in points and second in points:
            yield points[first], points[second]
