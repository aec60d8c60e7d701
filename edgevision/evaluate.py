"""Scoring a model, or two on the same pictures: from labelled pictures to the record ``edgevision.evaluate/1``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .comparison import Comparison, compare
from .dataset import Item, Skipped
from .errors import BadModel
from .judgement import Judgement, judge
from .runs import versions
from .scorers import ModelFacts, Scorer
from .scoring import score
from .truth import Classes, choose

if TYPE_CHECKING:
    from .scoring import Scores

SCHEMA = "edgevision.evaluate/1"


@dataclass(frozen=True, slots=True)
class Pictures:
    """What a model is scored on."""

    path: str
    """What the user gave."""
    items: tuple[Item, ...]
    classes: tuple[str, ...]
    """Of the whole set, sorted: names for a model that has none, if there are as many."""
    split: str = "all"
    """train, val, test or all."""
    skipped: tuple[Skipped, ...] = ()
    """Left out before."""
    unrelated: tuple[Item, ...] = ()
    """Pictures that show none of the classes; their labels do not matter."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to be scored."""

    scorer: Scorer
    facts: ModelFacts


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What was found of one model."""

    subject: Subject
    judgement: Judgement

    def to_json(self, paths: Sequence[str]) -> dict[str, Any]:
        """The fields of ``edgevision.evaluate/1`` that speak of the model."""
        card = self.subject.scorer.card
        return {
            "model": self.subject.facts.to_json(),
            "task": card.task,
            "labels": list(self.judgement.labels),
            "rule": card.rule.to_json(),
            **self.judgement.to_json(paths),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The record of one evaluation."""

    pictures: Pictures
    items: tuple[Item, ...]
    """The n pictures that count, in the order of the rows of all arrays."""
    skipped: tuple[Skipped, ...]
    fingerprint: str
    """Of the n pictures and their labels."""
    verdict: Verdict
    other: Verdict | None
    comparison: Comparison | None
    notes: tuple[str, ...]
    """What a user should know: labels that do not match, pictures left out."""
    seconds: float

    @property
    def paths(self) -> tuple[str, ...]:
        """Of the n pictures."""
        return tuple(item.path for item in self.items)

    def to_json(self) -> dict[str, Any]:
        """``edgevision.evaluate/1``."""
        found = self.verdict.to_json(self.paths)
        data = {
            "path": self.pictures.path,
            "split": self.pictures.split,
            "fingerprint": self.fingerprint,
            "pictures": len(self.items),
            "skipped": [one.to_json() for one in self.skipped],
        }
        return {
            "schema": SCHEMA,
            "model": found.pop("model"),
            "data": data,
            **found,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
            "versions": versions(),
            "compare": self._compare_json(),
        }

    def _compare_json(self) -> dict[str, Any] | None:
        if self.other is None or self.comparison is None:
            return None
        return {**self.other.to_json(self.paths), **self.comparison.to_json(self.paths)}


def evaluate(
    subject: Subject,
    pictures: Pictures,
    *,
    other: Subject | None = None,
    threshold: float | None = None,
    step: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Scores a model, and another one on the same pictures. Raises BadInput, BadModel, EngineError.

    ``threshold``: 0..1, from which a label counts (several labels a picture) or an answer to an unrelated picture is a
    false alarm; None: the card's. ``step`` hears how many pictures are done.
    """
    started = perf_counter()
    subjects = [subject] if other is None else [subject, other]
    classes, chosen = choose(subjects, pictures)
    scorers = [one.scorer for one in subjects]
    scored = score(scorers, chosen.items, step)
    strangers = score(scorers, chosen.unrelated, lambda done: step(len(chosen.items) + done))
    verdicts = [
        _verdict(one, of, scored.items, scores, apart, threshold)
        for one, of, scores, apart in zip(subjects, classes, scored.scores, strangers.scores, strict=True)
    ]
    return Evaluation(
        pictures=pictures,
        items=scored.items,
        skipped=(*pictures.skipped, *chosen.left_out, *scored.skipped, *strangers.skipped),
        fingerprint=scored.fingerprint,
        verdict=verdicts[0],
        other=verdicts[1] if other else None,
        comparison=compare(verdicts[0].judgement, verdicts[1].judgement) if other else None,
        notes=tuple(dict.fromkeys(line for of in classes for line in of.notes)),
        seconds=perf_counter() - started,
    )


def _verdict(
    subject: Subject, of: Classes, items: Sequence[Item], scores: Scores, strangers: Scores, limit: float | None
) -> Verdict:
    if scores.shape[1] != of.count:
        raise BadModel(f"{subject.facts.path} gives {scores.shape[1]} scores, but has {of.count} labels")
    return Verdict(subject, judge(subject.scorer.card, of.labels, scores, of.flags(items), strangers, limit))
