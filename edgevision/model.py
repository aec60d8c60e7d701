"""Open a model file, ask it about pictures: the one way to a prediction, on the host and on the device."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from . import modelfile
from .card import ModelCard
from .data import Frame, Prediction
from .engines.choice import Choice
from .engines.table import open_engine
from .errors import BadInput
from .preprocess import Preparation
from .protocols import Engine, WritableEngine
from .rule import Rule
from .tasks.classification import ClassificationDecoder
from .tasks.decoder import Decoder, OutputFacts, open_decoder, read_facts

if TYPE_CHECKING:
    import numpy.typing as npt

    from .data import Tensor
    from .imprint import Imprints

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
        choice: Choice | None = None,
    ) -> None:
        self.path = path
        self.card = card
        self.engine = engine
        self.sha256 = sha256
        """Of the whole file."""
        self.carded = carded
        """False: the file has no card, and its rule comes from the standard metadata."""
        self.choice = choice
        """Which engine was asked for and which one runs; None: an engine that the caller brought."""
        self.rule: Rule = card.rule
        self._preparation = Preparation(card.rule, engine.inputs[0])
        self._writable = _writable(engine, card.rule)
        modelfile.refuse_mismatch(card, tuple(engine.inputs), tuple(engine.outputs))
        self._own_decoder = open_decoder(card, engine.outputs, facts)
        self._decoder: Decoder = self._own_decoder

    def predict(
        self, picture: Frame | npt.NDArray[np.uint8], top: int = TOP, threshold: float | None = None
    ) -> Prediction:
        """What the model says of a frame, or of an RGB array, uint8 (height, width, 3), by its task.

        At most ``top`` labels, or objects, of at least ``threshold`` (0..1; None: the model's own). Raises BadInput,
        EngineError.
        """
        start = perf_counter()
        frame = picture if isinstance(picture, Frame) else as_frame(picture)
        if self._writable is None:
            tensor = self._preparation.prepare(frame)
            prepared = perf_counter()
            outputs = self.engine.infer(tensor)
        else:
            self._preparation.write(frame, self._writable.input_memory)
            prepared = perf_counter()
            outputs = self._writable.infer_written()
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
        return self._preparation.prepare(frame)

    def scores(self, frame: Frame) -> npt.NDArray[np.float32]:
        """The scores 0..1 of all classes of a classifier, (classes,). Raises BadInput for other models, EngineError."""
        if not isinstance(self._own_decoder, ClassificationDecoder):
            raise BadInput(f"{self.path} is a {self.card.task} model; only a classifier gives every class a score")
        return self._own_decoder.scores(self.engine.infer(self.prepare(frame)))

    def embed(self, picture: Frame | npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The vector of length 1 that the last layer judges by, (size,). Raises BadModel where there is none."""
        from .embedding import EmbeddingOutputReader

        frame = picture if isinstance(picture, Frame) else as_frame(picture)
        with modelfile.about(self.path):
            reader = EmbeddingOutputReader(self.card, self.engine.outputs)
            return reader.read(self.engine.infer(self.prepare(frame)))

    def know(self, imprints: Imprints | None) -> None:
        """From now on ``predict`` answers with taught classes, too; None: with the model's own alone.

        Their indices begin where the model's own end. ``scores`` stays what it is. Raises BadModel, BadInput.
        """
        if imprints is None:
            self._decoder = self._own_decoder
            return
        from .tasks.taught import TaughtDecoder

        with modelfile.about(self.path):
            self._decoder = TaughtDecoder(self._own_decoder, self.card, self.engine.outputs, imprints)

    def close(self) -> None:
        """Frees the engine; may be called twice."""
        self.engine.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_model(path: str | Path, *, engine: Engine | str = "cpu", threads: int | None = None) -> Model:
    """Opens a .tflite that says how it is fed. Raises MissingFile, BadModel, UnknownName, EngineError, MissingDependency.

    ``engine``: a name (``auto``, ``cpu``, ``edgetpu``, ``edgetpu:usb:0``; see ``engines.table``), or something else that
    runs it. ``threads`` of the CPU; None: as many as there are. A named engine never gives way to another.
    """
    file = modelfile.read(Path(path))
    card = file.card or file.effective_card()
    runner, choice = open_engine(engine, file, threads) if isinstance(engine, str) else (engine, None)
    facts = read_facts(file, card.task)
    with modelfile.about(file.path):
        return Model(file.path, card, runner, file.sha256, file.card is not None, facts, choice)


def _writable(engine: Engine, rule: Rule) -> WritableEngine | None:
    """The engine, if a prepared frame can be written right into its input."""
    spec = engine.inputs[0]
    fits = spec.shape == (1, rule.height, rule.width, rule.channels)
    return engine if fits and isinstance(engine, WritableEngine) else None


def as_frame(picture: npt.NDArray[np.uint8]) -> Frame:
    """A user's array as a frame: RGB, or gray when it has two dimensions. Raises BadInput."""
    if not isinstance(picture, np.ndarray):
        raise BadInput(f"predict takes a uint8 RGB array or a Frame, not {type(picture).__name__}")
    return Frame(picture, "GRAY" if picture.ndim == 2 else "RGB")
