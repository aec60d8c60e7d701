"""The layout interface: what recognition may look at, and what a layout reads from the outputs of one inference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from ..tflite.outputs import OutputFacts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..types import Tensor, TensorSpec

    Floats = npt.NDArray[np.float32]
    Integers = npt.NDArray[np.int64]

MAX_CANDIDATES = 1000
"""Most boxes of one frame that are compared with each other, best first. Frames with more objects do not occur."""


class OutputView(NamedTuple):
    """What recognition knows about a model."""

    outputs: tuple[TensorSpec, ...]
    """Outputs of the model."""
    width: int
    """Width of the model's input (pixels)."""
    height: int
    """Height of the model's input (pixels)."""
    labels: int = 0
    """Number of known labels, 0 if there are none. It decides between layouts that have the same shape."""
    facts: OutputFacts = OutputFacts()
    """What the file says about its outputs."""


class CandidateKeypoints(NamedTuple):
    """Key points of candidates."""

    names: tuple[str, ...]
    """Names of the k points of each object."""
    values: Floats
    """x and y in pixels of the model's input, and score, (n, k, 3). NaN: the score is not known, or there is no point."""


class CandidateMasks(NamedTuple):
    """Masks of candidates: a pixel belongs to an object where the sum of the prototypes, weighted by its coefficients, is
    above 0."""

    coefficients: Floats
    """Weights of the prototypes for each object, (n, prototypes)."""
    prototypes: Tensor
    """Masks that all objects share, as stored, (rows, columns, prototypes); they cover the model's input."""
    spec: TensorSpec
    """Quantization of the prototypes."""


class Candidates(NamedTuple):
    """Objects that a layout read, in any order, before overlapping ones are removed."""

    boxes: Floats
    """Left, top, right and bottom in pixels of the model's input, (n, 4)."""
    scores: Floats
    """Score of each box, 0..1, (n,)."""
    classes: Integers
    """Class index of each box, (n,); negative: not an object."""
    keypoints: CandidateKeypoints | None = None
    """Points of each object, if the model finds them."""
    masks: CandidateMasks | None = None
    """Masks of the objects, if the model has them."""

    def take(self, positions: Integers | npt.NDArray[np.bool_]) -> Candidates:
        """Return the candidates at these positions."""
        keypoints, masks = self.keypoints, self.masks
        return Candidates(
            self.boxes[positions],
            self.scores[positions],
            self.classes[positions],
            keypoints and keypoints._replace(values=keypoints.values[positions]),
            masks and masks._replace(coefficients=masks.coefficients[positions]),
        )


class Layout(Protocol):
    """How the outputs of one detector hold its results."""

    @property
    def name(self) -> str:
        """Name in the registry, as in the model card."""

    @property
    def overlapping(self) -> bool:
        """Whether several boxes may stand for one object, so that all but the best must be removed."""

    @property
    def classes(self) -> int | None:
        """Number of classes; None if the outputs do not show it."""

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``. Raises BadModel for outputs of another shape."""


@runtime_checkable
class NamesClasses(Protocol):
    """A layout of networks that find known things, so that a file needs no labels."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; empty if they are not known."""


class LayoutModule(Protocol):
    """What a module of this package offers to the registry."""

    TITLE: str
    """The form of the outputs and the models that have it, for messages."""

    def recognize(self, view: OutputView, forced: bool = False) -> Layout | None:
        """Return the layout if the outputs have it, else None.

        ``forced``: the user named this layout, so that only what reading needs is checked. Raises BadModel if the
        outputs have this layout, but their values cannot be used.
        """
