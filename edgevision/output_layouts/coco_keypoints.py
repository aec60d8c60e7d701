"""Names of the 17 key points of a person in the data set COCO, which most pose models are trained on, in its order."""

from __future__ import annotations

COCO_KEYPOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""Source: ``keypoints`` of the category person in the annotations of COCO; left and right are those of the person."""


def keypoint_names(count: int, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return names for this many points: the known ones if they fit, those of COCO for 17, else numbered ones."""
    if len(known) == count == len(set(known)):
        return known
    return COCO_KEYPOINTS if count == len(COCO_KEYPOINTS) else tuple(f"point_{n}" for n in range(count))
