"""Causes of detection errors, by the definitions of TIDE."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision.evaluation.detection.errors import DetectionErrors, find_errors
from edgevision.evaluation.detection.metrics import evaluate_boxes
from edgevision.evaluation.detection.records import PredictedBoxes, TrueBoxes

LABELS = ("cat", "dog")
CAT, DOG = 0, 1
Row = tuple[float, float, float, float, float, int]
"""x0, y0, x1, y1, score, class"""
OBJECT = (0, 0, 100, 100)


def errors(
    found: list[Row], true: list[tuple[float, float, float, float, int]], ignored: bool = False
) -> DetectionErrors:
    rows, objects = np.array(found, float).reshape(-1, 6), np.array(true, float).reshape(-1, 5)
    predictions = [PredictedBoxes(rows[:, :4], rows[:, 4], rows[:, 5].astype(int))]
    truths = [TrueBoxes(objects[:, :4], objects[:, 4].astype(int), np.full(len(objects), ignored))]
    return find_errors(evaluate_boxes(predictions, truths, LABELS).matches, predictions, truths, 0.5)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([(*OBJECT, 0.9, CAT)], {}),
        ([], {"missed": 1}),
        ([(*OBJECT, 0.4, CAT)], {"missed": 1}),  # below the threshold
        ([(*OBJECT, 0.9, CAT), (0, 0, 100, 90, 0.8, CAT)], {"duplicate": 1}),
        ([(*OBJECT, 0.9, CAT), (300, 300, 400, 400, 0.8, CAT)], {"background": 1}),
        ([(0, 0, 100, 40, 0.9, CAT)], {"localisation": 1}),  # IoU 0.4; corrected, it would find the object
        ([(0, 0, 100, 90, 0.9, DOG)], {"confused": 1}),
        ([(0, 0, 100, 30, 0.9, DOG)], {"both": 1, "missed": 1}),  # no single correction would help
        ([(0, 0, 100, 5, 0.9, CAT)], {"background": 1, "missed": 1}),  # IoU 0.05
        ([(*OBJECT, 0.9, CAT), (0, 0, 100, 95, 0.8, DOG)], {"confused": 1}),
    ],
    ids=["found", "missed", "unsure", "twice", "invented", "badly placed", "confused", "both", "barely", "two classes"],
)
def test_error_has_the_cause_of_its_definition(found: list[Row], expected: dict[str, int]) -> None:
    done = errors(found, [(*OBJECT, CAT)])
    assert {kind: count for kind, count in done.counts().items() if count} == expected
    assert done.correct == ((*OBJECT, 0.9, CAT) in found)


def test_ignored_objects_cause_no_errors() -> None:
    assert errors([], [(*OBJECT, CAT)], ignored=True).every == ()
    assert errors([(*OBJECT, 0.9, CAT)], [(*OBJECT, CAT)], ignored=True).every == ()


def test_errors_are_listed_by_score_and_missed_objects_by_size() -> None:
    done = errors(
        [(300, 0, 320, 20, 0.6, CAT), (400, 0, 420, 20, 0.8, DOG)], [(0, 0, 10, 10, CAT), (50, 50, 90, 90, DOG)]
    )
    assert [(one.kind, one.score, one.true_box) for one in done.every] == [
        ("background", 0.8, None),
        ("background", 0.6, None),
        ("missed", None, (50.0, 50.0, 90.0, 90.0)),
        ("missed", None, (0.0, 0.0, 10.0, 10.0)),
    ]


def test_error_names_the_object_concerned() -> None:
    [wrong] = errors([(0, 0, 100, 90, 0.75, DOG)], [(200, 200, 210, 210, DOG), (*OBJECT, CAT)]).of("confused")
    assert (wrong.image, wrong.predicted, wrong.true) == (0, DOG, CAT)
    assert (wrong.box, wrong.true_box) == ((0.0, 0.0, 100.0, 90.0), (0.0, 0.0, 100.0, 100.0))
