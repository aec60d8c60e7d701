"""The decision whether a newly trained model may replace the one that it continues from: proposal.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgevision.datasets.pulled_from import device_of
from edgevision.evaluation.not_worse import MIN_IMAGES, PairedResult
from edgevision.evaluation.not_worse import Verdict as Comparison
from edgevision.evaluation.scorers import ModelFacts
from edgevision.files import run_folder
from edgevision.next_command import command

from .doubtful_labels import DoubtfulLabels

Verdict = Comparison | Literal["contradictory"]
SCHEMA = "edgevision.proposal/1"
FILE = "proposal.json"
WHY: dict[Verdict, str] = {
    "worse": "worse than {}",
    "unclear": "not shown to be as good as {}",
    "contradictory": "trained with labels that contradict those of {}",
}
"""Reasons of a refusal."""


@dataclass(frozen=True, slots=True)
class NewClass:
    """A class that the earlier model does not have."""

    name: str
    images: int
    """Number of its test images."""
    correct: int


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A new model beside the earlier one, on the same test images."""

    earlier: Path
    """The earlier model as the user named it."""
    facts: tuple[ModelFacts, ModelFacts]
    """Facts about the earlier and the new model; the path of the new one is where it is now."""
    photos: Path
    """The new photos."""
    earlier_photos: Path
    """The oldest photos; the new ones if they are the only ones."""
    result: PairedResult | None
    """The comparison that decides; None if there was no image to compare on."""
    new_images: int
    """Number of the deciding images that did not test the earlier model: they and their labels are new."""
    on_new: PairedResult | None
    """The comparison on the new test images, with the labels they came with; None without such."""
    new_classes: tuple[NewClass, ...]
    doubtful: DoubtfulLabels

    @property
    def verdict(self) -> Verdict:
        """What the comparison says, or ``contradictory`` if new labels contradict those of the earlier photos.

        A loss on the new test images counts only if it is beyond chance.
        """
        if self.result is None:
            return "unclear"
        if "worse" in (self.result.verdict, self.on_new.verdict if self.on_new is not None else None):
            return "worse"
        return "contradictory" if self.doubtful.contradicting else self.result.verdict

    @property
    def accepted(self) -> bool:
        """Whether the new model may replace the earlier one."""
        return self.verdict in ("better", "not_worse")

    @property
    def model(self) -> str:
        """Path of the new model: model.keras, or refused.keras."""
        return self.facts[1].path

    @property
    def measured_on(self) -> str:
        """What the deciding images are."""
        total = 0 if self.result is None else self.result.pairs.images
        old = total - self.new_images
        if not self.new_images:
            return f"{total} images that tested {self.earlier} and made neither model"
        if not old:
            return f"{total} new test photos, whose labels came with them, and which made neither model"
        return (
            f"{old} images that tested {self.earlier} and {self.new_images} new test photos, which made neither model"
        )

    def reason(self) -> str:
        """Return the comparison as one sentence: figures, what they were measured on, and forgotten classes."""
        if self.result is None:
            return f"there is no image to compare on: no test image shows a class of {self.earlier}"
        said = f"{_figures(self.result)} on {self.measured_on}"
        lost = [one.describe() for one in self.result.forgotten]
        said += f"; forgotten: {', '.join(lost)}" if lost else ""
        if self.on_new is not None and self.on_new.verdict == "worse" and self.result.verdict != "worse":
            said += f"; worse on the new test photos: {_figures(self.on_new)}"
        if self.verdict == "contradictory":
            said += "; but most new labels of a class contradict the earlier photos, and were not learned"
        elif self.verdict == "unclear":
            few = self.result.pairs.images < MIN_IMAGES
            said += "; too few images" if few else "; that may be chance, but it is not shown to be as good"
        return said

    def message(self) -> str:
        """Return the line of a refusal."""
        why = WHY[self.verdict]
        doubt = self.doubtful.describe()
        advice = f"check the labels: {doubt}" if doubt else "check the new labels, or add test photos"
        return f"{self.model} is refused as {why.format(self.earlier)}: {self.reason()}; {advice}"

    def describe(self) -> str:
        """Return the line of an accepted model."""
        what = "better than" if self.verdict == "better" else "not worse than"
        return f"{self.model} is {what} {self.earlier} and can replace it: {self.reason()}"

    def next(self) -> tuple[str, ...]:
        """Return the commands that bring the new model to a device; after a refusal, the one that shows doubtful photos.

        The device is the one that the new photos were pulled from, or any.
        """
        if not self.accepted:
            return (command("evaluate", self.earlier, self.photos),)
        converted = Path(self.model).with_suffix(".tflite")
        device = device_of(self.photos)
        return (
            command("convert", self.model, "--calibration", self.earlier_photos, "-o", converted),
            command("bundle", converted) if device is None else command("deploy", device, converted),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the document ``edgevision.proposal/1``."""
        old, new = self.facts
        return {
            "schema": SCHEMA,
            "accepted": self.accepted,
            "verdict": self.verdict,
            "reason": self.reason(),
            "measured_on": self.measured_on,
            "earlier": old.to_json(),
            "model": new.to_json(),
            "result": None if self.result is None else {**self.result.to_json(), "new_pictures": self.new_images},
            "on_new_pictures": None if self.on_new is None else self.on_new.to_json(),
            "new_classes": [
                {"name": one.name, "pictures": one.images, "correct": one.correct} for one in self.new_classes
            ],
            "doubtful_labels": self.doubtful.to_json(),
            "next": list(self.next()),
            "created": run_folder.utc_now(),
            "versions": run_folder.versions(),
        }


def _figures(result: PairedResult) -> str:
    """Return such as ``18 of 24 correct, 23 before (-20.8 points, 95 %: -38.1 to -2.5; chance of such a loss 0.03)``."""
    one, change = result.pairs, result.change
    points = f"{100 * change.value:+.1f} points, 95 %: {100 * change.low:+.1f} to {100 * change.high:+.1f}"
    chance = f"; chance of such a loss {one.p_worse:.2g}" if one.lost > one.gained else ""
    return f"{one.second_correct} of {one.images} correct, {one.first_correct} before ({points}{chance})"
