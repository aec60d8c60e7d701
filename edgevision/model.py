"""Open a model file, ask it about pictures: the one way to a prediction, on the host and on the device."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from . import modelfile
from .card import ModelCard
from .data import Frame, Prediction
from .errors import BadInput
from .interpreter import open_interpreter
from .preprocess import prepare
from .protocols import Engine
from .rule import Rule
from .tasks.classification import ClassificationDecoder
from .tasks.decoder import OutputFacts, open_decoder, read_facts
from .tensors import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from .data import Tensor

TOP = 5
"""Labels that ``predict`` gives at most, unless told otherwise. Objects and regions are not counted."""


class Model:
    """A model file and the engine that runs it. A context manager."""

    def __init__(
        self,
        path: Path,
        card: ModelCard,
        engine: Engine,
        sha256: str,
        carded: bool = True,
        facts: OutputFacts | None = None,
    ) -> None:
        self.path = path
        self.card = card
        self.engine = engine
        self.sha256 = sha256
        """Of the whole file."""
        self.carded = carded
        """False: the file has no card, and its rule comes from the standard metadata."""
        self.rule: Rule = card.rule
        self._input: TensorSpec = engine.inputs[0]
        modelfile.refuse_mismatch(card, tuple(engine.inputs), tuple(engine.outputs))
        self._decoder = open_decoder(card, engine.outputs, facts)

    def predict(
        self, picture: Frame | npt.NDArray[np.uint8], top: int = TOP, threshold: float | None = None
    ) -> Prediction:
        """What the model says of a frame, or of an RGB array, uint8 (height, width, 3), by its task.

        At most ``top`` labels, or objects, of at least ``threshold`` (0..1; None: the model's own). Raises BadInput,
        EngineError.
        """
        start = perf_counter()
        frame = picture if isinstance(picture, Frame) else as_frame(picture)
        tensor = prepare(frame, self.rule, self._input)
        prepared = perf_counter()
        outputs = self.engine.infer(tensor)
        inferred = perf_counter()
        prediction = self._decoder.decode(outputs, (frame.width, frame.height), top, threshold)
        prediction.stages_ms.update(
            prepare=(prepared - start) * 1e3,
            infer=(inferred - prepared) * 1e3,
            decode=(perf_counter() - inferred) * 1e3,
        )
        return prediction

    def prepare(self, frame: Frame) -> Tensor:
        """The input tensor for a frame, as ``predict`` makes it."""
        return prepare(frame, self.rule, self._input)

    def scores(self, frame: Frame) -> npt.NDArray[np.float32]:
        """The scores 0..1 of all classes of a classifier, (classes,). Raises BadInput for other models, EngineError."""
        if not isinstance(self._decoder, ClassificationDecoder):
            raise BadInput(f"{self.path} is a {self.card.task} model; only a classifier gives every class a score")
        return self._decoder.scores(self.engine.infer(self.prepare(frame)))

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
    facts = read_facts(file, card.task)
    with modelfile.about(file.path):
        return Model(file.path, card, runner, file.sha256, file.card is not None, facts)


def as_frame(picture: npt.NDArray[np.uint8]) -> Frame:
    """A user's array as a frame: RGB, or gray when it has two dimensions. Raises BadInput."""
    if not isinstance(picture, np.ndarray):
        raise BadInput(f"predict takes a uint8 RGB array or a Frame, not {type(picture).__name__}")
    return Frame(picture, "GRAY" if picture.ndim == 2 else "RGB")
