"""The check of labels: feature vectors of all labeled images, and which labels are doubtful."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgevision.errors import BadImage, BadInput, MissingFile
from edgevision.log import Log

from .mistakes import Checked, find_doubts
from .session import Session
from .views import Item

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

log = Log("edgevision.label")
SCHEMA = "edgevision.label_check/1"
Features = Callable[[str], "Floats"]
"""Returns the feature vector of an image by its path below the folder. Raises EdgeVisionError."""


class CheckReport(NamedTuple):
    """What a check found."""

    folder: str
    features: str
    """What the feature vectors are from."""
    checked: Checked
    paths: tuple[str, ...]
    """Paths of the scored images, by the index of a doubt."""
    skipped: int
    """Images that cannot be read."""
    confirmed: int
    """Doubtful labels that a person confirmed before."""

    def to_json(self) -> dict[str, Any]:
        """Return the document ``edgevision.label_check/1``."""
        doubts = [
            {"path": self.paths[one.image], "label": one.label, "likely": one.likely, "score": round(one.doubt, 4)}
            for one in self.checked.doubts
        ]
        return {
            "schema": SCHEMA,
            "folder": self.folder,
            "features": self.features,
            "images": self.checked.images,
            "skipped": self.skipped,
            "left_out_classes": list(self.checked.left_out),
            "estimated_mistakes": self.checked.estimate,
            "agreement": round(self.checked.agreement, 4),
            "confirmed": self.confirmed,
            "doubts": doubts,
        }


def check_labels(
    session: Session, features: Features, named: str, step: Callable[[int], None] = lambda done: None
) -> CheckReport:
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
    report = CheckReport(
        str(session.form.root),
        named,
        checked._replace(doubts=tuple(open_doubts)),
        tuple(item.state.path for item in used),
        len(labeled) - len(used),
        len(checked.doubts) - len(open_doubts),
    )
    log.info("%s: %d of %d labels are doubtful", session.form.root, len(open_doubts), len(used))
    return report


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
