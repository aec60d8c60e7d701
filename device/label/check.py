"""The check of labels: feature vectors of all labeled images, and which labels are doubtful."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgevision.errors import BadImage, BadInput, MissingFile
from edgevision.log import Log

from .mistakes import find_doubts
from .session import Session
from .views import Item

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

log = Log("edgevision.label")
SCHEMA = "edgevision.label_check/1"
Features = Callable[[str], "Floats"]
"""Returns the feature vector of an image by its path below the folder. Raises EdgeVisionError."""


class LabelMistake(NamedTuple):
    """An image whose label is probably wrong."""

    path: str
    """Path below the folder."""
    label: str
    """Its label."""
    likely: str
    """The class that fits better."""
    score: float
    """0..1: half the difference of the scores of both classes, plus a half. Larger is worse."""


class LabelCheck(NamedTuple):
    """Which labels of a folder are probably wrong, by a cross-validation on feature vectors."""

    folder: str
    """The folder as it was given."""
    features: str
    """Name of the model that the feature vectors are from."""
    images: int
    """Number of images that were scored."""
    mistakes: tuple[LabelMistake, ...]
    """Labels that the cross-validation disagrees with and no person has confirmed, the worst first."""
    estimated_mistakes: int
    """Estimated number of wrong labels, by the confident joint."""
    agreement: float
    """Share of the images whose label is the answer of the cross-validation, 0..1."""
    left_out_classes: tuple[str, ...]
    """Classes with fewer than 5 different images, which were not scored."""
    skipped: int
    """Number of images that cannot be read."""
    confirmed: int
    """Number of labels that it disagrees with and a person has confirmed."""

    def to_json(self) -> dict[str, Any]:
        """Return the document ``edgevision.label_check/1``."""
        doubts = [{**one._asdict(), "score": round(one.score, 4)} for one in self.mistakes]
        return {
            "schema": SCHEMA,
            "folder": self.folder,
            "features": self.features,
            "images": self.images,
            "skipped": self.skipped,
            "left_out_classes": list(self.left_out_classes),
            "estimated_mistakes": self.estimated_mistakes,
            "agreement": round(self.agreement, 4),
            "confirmed": self.confirmed,
            "doubts": doubts,
        }


def check_session(
    session: Session, features: Features, named: str, step: Callable[[int], None] = lambda done: None
) -> LabelCheck:
    """Fill the session's doubts. ``named``: what the features are from. Raises BadInput, EdgeVisionError.

    ``step`` receives the number of images whose features are computed.
    """
    if session.form.has_boxes:
        raise BadInput(
            f"--check needs one class per image, but {session.form.root} has boxes; see edgevision data check"
        )
    labeled = [item for item in session.items() if item.state.label is not None and not item.state.is_discarded]
    if not labeled:
        raise BadInput(f"{session.form.root} has no labeled images to check; label some first, without --check")
    labeled.sort(key=lambda one: one.state.path)
    used, vectors = _vectors(labeled, features, step)
    labels = [item.state.label or "" for item in used]
    checked = find_doubts(vectors, labels, [item.group or item.number for item in used])
    open_doubts = [one for one in checked.doubts if used[one.image].mark not in ("label", "boxes")]
    session.doubts = {used[one.image].number: one for one in open_doubts}
    log.info("%s: %d of %d labels are doubtful", session.form.root, len(open_doubts), len(used))
    return LabelCheck(
        folder=str(session.form.root),
        features=named,
        images=checked.images,
        mistakes=tuple(
            LabelMistake(used[one.image].state.path, one.label, one.likely, one.doubt) for one in open_doubts
        ),
        estimated_mistakes=checked.estimate,
        agreement=checked.agreement,
        left_out_classes=checked.left_out,
        skipped=len(labeled) - len(used),
        confirmed=len(checked.doubts) - len(open_doubts),
    )


def _vectors(items: Sequence[Item], features: Features, step: Callable[[int], None]) -> tuple[list[Item], Floats]:
    """Return the images that can be read, and their vectors (images, features). Raises BadInput if there is none."""
    used: list[Item] = []
    vectors: list[Floats] = []
    for done, item in enumerate(items, 1):
        try:
            vectors.append(features(item.state.path))
            used.append(item)
        except (BadImage, MissingFile) as error:
            log.info("not checked: %s", error)
        step(done)
    if not used:
        raise BadInput(f"none of the {len(items)} images can be read; see edgevision data check")
    return used, np.stack(vectors)
