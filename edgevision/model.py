"""Open a model file, ask it about pictures: the one way to a prediction, on the host and on the device."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from . import modelfile
from .card import ModelCard
from .data import Frame, Label, Prediction
from .errors import BadInput, BadModel
from .interpreter import open_interpreter
from .preprocess import prepare
from .protocols import Engine
from .rule import Rule
from .tasks import classification
from .tensors import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from .data import Tensor

TOP = 5
"""Labels that ``predict`` gives at most, unless told otherwise."""


class Model:
    """A model file and the engine that runs it. A context manager."""

    def __init__(self, path: Path, card: ModelCard, engine: Engine, sha256: str, carded: bool = True) -> None:
        self.path = path
        self.card = card
        self.engine = engine
        self.sha256 = sha256
        """Of the whole file."""
        self.carded = carded
        """False: the file has no card, and its rule comes from the standard metadata."""
        self.rule: Rule = card.rule
        self._input: TensorSpec = engine.inputs[0]
        self._output: TensorSpec = engine.outputs[0]
        _match(card, engine)

    def predict(
        self, picture: Frame | npt.NDArray[np.uint8], top: int = TOP, threshold: float | None = None
    ) -> Prediction:
        """What the model says of a frame, or of an RGB array, uint8 (height, width, 3).

        At most ``top`` labels of at least ``threshold`` (0..1; None: the card's). Raises BadInput, EngineError.
        """
        start = perf_counter()
        frame = picture if isinstance(picture, Frame) else as_frame(picture)
        tensor = prepare(frame, self.rule, self._input)
        prepared = perf_counter()
        outputs = self.engine.infer(tensor)
        inferred = perf_counter()
        labels = self.decode(outputs, top, threshold)
        end = perf_counter()
        stages = {
            "prepare": (prepared - start) * 1e3,
            "infer": (inferred - prepared) * 1e3,
            "decode": (end - inferred) * 1e3,
        }
        return Prediction(self.card.task, labels, stages_ms=stages)

    def prepare(self, frame: Frame) -> Tensor:
        """The input tensor for a frame, as ``predict`` makes it."""
        return prepare(frame, self.rule, self._input)

    def scores(self, frame: Frame) -> npt.NDArray[np.float32]:
        """The scores 0..1 of all classes, (classes,)."""
        outputs = self.engine.infer(self.prepare(frame))
        return classification.scores(outputs[0], self._output, self.card.activation)

    def decode(self, outputs: list[Tensor], top: int = TOP, threshold: float | None = None) -> tuple[Label, ...]:
        """Output tensors as labels, best first."""
        limit = threshold if threshold is not None else self.card.threshold or 0.0
        return classification.decode(outputs[0], self._output, self.card, top, limit)

    def close(self) -> None:
        """Frees the engine; may be called twice."""
        self.engine.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_model(path: str | Path, *, engine: Engine | None = None, threads: int | None = None) -> Model:
    """Opens a .tflite that says how it is fed. Raises MissingFile, BadModel, EngineError.

    ``engine``: something else that runs it (an accelerator, a fake); otherwise the CPU, with ``threads`` threads.
    A file whose card vouches for its content opens directly; any other is tried in a child process first.
    """
    file = modelfile.read(Path(path))
    card = file.card or file.effective_card()
    if engine is None and file.card is None:
        from .probe import probe

        probe(file.path)
    runner = engine or open_interpreter(file.flatbuffer, threads)
    return Model(file.path, card, runner, file.sha256, carded=file.card is not None)


def as_frame(picture: npt.NDArray[np.uint8]) -> Frame:
    """A user's array as a frame: RGB, or gray when it has two dimensions. Raises BadInput."""
    if not isinstance(picture, np.ndarray):
        raise BadInput(f"predict takes a uint8 RGB array or a Frame, not {type(picture).__name__}")
    return Frame(picture, "GRAY" if picture.ndim == 2 else "RGB")


def _match(card: ModelCard, engine: Engine) -> None:
    """Refuses a card that speaks of another model, and a task that is not run here."""
    modelfile.refuse_mismatch(card, tuple(engine.inputs), tuple(engine.outputs))
    if card.task not in ("classification", "multilabel"):
        raise BadModel(f"this is a {card.task} model; this version runs classifiers")
    classification.classes(engine.outputs[0], card.activation)
