"""What the models of one maker have in common, and the interface of a maker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ...preprocessing.spec import Align, ModelOrder, Resize
from ...records import record
from ...types import Task

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ..model_file import ModelFile

BYTES, UNIT, SIGNED = (0.0, 1.0), (0.0, 255.0), (127.5, 127.5)
"""Mean and std of inputs that take the bytes of an image, 0..1 and -1..1."""


@record
class Conventions:
    """How a maker's models are fed, and what its files say about labels and task."""

    resize: Resize
    """How an image is fitted into the input."""
    mean: float
    """Mean in (pixel - mean) / std, for pixels of 0..255."""
    std: float
    """Standard deviation, likewise."""
    crop_fraction: float = 1.0
    """Share of the largest central part that a crop keeps."""
    fill: int = 0
    """Value of the border of a letterbox, 0..255."""
    align: Align = "center"
    """Position of the image in a letterbox."""
    order: ModelOrder = "RGB"
    """Channel order of a color input."""
    labels: tuple[str, ...] = ()
    """Class names that the maker's own metadata list."""
    task: Task | None = None
    """Task that the maker's own metadata name."""
    name: str | None = None
    """Name of the model in the maker's own metadata."""
    layout: str | None = None
    """Output layout of the maker's detectors, if their outputs alone do not decide it."""
    remark: str | None = None
    """What a user has to know to get right answers, such as the kind of images."""


class Maker(Protocol):
    """A tool or a family of models that writes .tflite files."""

    @property
    def title(self) -> str:
        """Name of the maker, for display."""

    @property
    def before_metadata(self) -> bool:
        """Whether the maker's conventions are used even if the file has complete standard metadata."""
        return False

    def plausible(self, file: ModelFile, task: Task | None) -> bool:
        """Return whether a file may come from this maker, by its input and its task, None if that is unknown."""
        return True

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return what in a file shows that this maker wrote it; None if nothing does. Raises BadModel."""

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return how a model of this maker is fed, for a file that the maker may have written. Raises BadModel."""
