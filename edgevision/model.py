"""Open a model file and run it on images, on the host and on the device."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from .engines.protocol import Engine, EngineChoice, WritableEngine, is_writable
from .engines.registry import open_engine
from .errors import BadInput
from .log import Log
from .model_file import model_file
from .model_file.card import ModelCard
from .postprocessing.classification import ClassificationDecoder
from .postprocessing.decoder import Decoder, open_decoder, read_facts
from .preprocessing.image_input import tensor_shape
from .preprocessing.spec import Preprocessing
from .preprocessing.transform import Preparation
from .tflite.outputs import OutputFacts
from .types import Frame, Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from .postprocessing.drift_vector import DriftReader
    from .postprocessing.imprinting import Imprints
    from .types import Tensor, TensorSpec

    Image = Frame | npt.NDArray[np.uint8] | str | Path

log = Log("edgevision.model")
TOP = 5
"""Default maximum number of labels that ``predict`` returns. Objects and regions are not limited."""


class Model:
    """An open model file, made by ``open_model``. Use it as a context manager, or call ``close``.

    A model belongs to one thread at a time; open one for each thread.
    """

    def __init__(
        self,
        path: Path,
        card: ModelCard,
        engine: Engine,
        sha256: str,
        has_card: bool = True,
        facts: OutputFacts | None = None,
        choice: EngineChoice | None = None,
        recognized: str = "",
    ) -> None:
        self.path = path
        """Path of the model file."""
        self.card = card
        """The model card: task, labels, threshold. Without one in the file, it is made from what else the file shows."""
        self.engine = engine
        """What runs the model."""
        self.sha256 = sha256
        """SHA-256 of the whole file."""
        self.has_card = has_card
        """Whether the file has a model card; if not, the preprocessing comes from what else the file shows."""
        self.recognized = recognized
        """What shows the preprocessing of a file without a card, in one line; empty if it has one."""
        self.choice = choice
        """The requested engine and the one in use; None if the caller supplied the engine."""
        self.observer: Callable[[Frame, Sequence[Tensor]], None] | None = None
        """Is shown each frame of ``predict`` with the raw outputs, after the times were taken; None: nobody looks."""
        self.preprocessing: Preprocessing = card.preprocessing
        """How an image becomes the model's input; ``predict`` applies it."""
        self._preparation = Preparation(card.preprocessing, engine.inputs[0])
        self._writable = _writable(engine, card.preprocessing)
        model_file.refuse_mismatch(card, tuple(engine.inputs), tuple(engine.outputs))
        self._own_decoder = open_decoder(card, engine.outputs, facts)
        self._decoder: Decoder = self._own_decoder

    def predict(self, image: Image, top: int = TOP, threshold: float | None = None) -> Prediction:
        """Return the model's prediction for one image.

        Args:
            image: A frame; an RGB array, uint8 (height, width, 3), or gray (height, width); or the path of an image
                file, which is decoded upright as in training. Any size.
            top: Largest number of labels, 1 or more; objects and regions are not limited.
            threshold: Lowest score of a label or object, 0..1; None for the model's own.

        Returns:
            The prediction; the model's task decides which of its fields are filled. Boxes are in pixels of the image.

        Raises:
            BadInput: The array is not an image, or the model returned unusable values.
            MissingFile: The image file does not exist.
            BadImage: The image file is damaged or not an image.
            EngineError: The runtime failed.
        """
        start = perf_counter()
        frame = image if isinstance(image, Frame) else as_frame(image)
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
        if self.observer is not None:
            self.observer(frame, outputs)
        return prediction

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """The model's inputs."""
        return self.engine.inputs

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """The model's outputs, as its file has them."""
        return self.engine.outputs

    def prepare(self, frame: Frame) -> Tensor:
        """Return the input tensor for a frame, as ``predict`` prepares it, in the input's shape. Raises BadInput."""
        return self._preparation.prepare(frame)

    def scores(self, frame: Frame) -> npt.NDArray[np.float32]:
        """Return a classifier's scores of all classes, (classes,), 0..1.

        Args:
            frame: The image.

        Returns:
            One score for each class, in the order of the labels.

        Raises:
            BadInput: The model is not a classifier.
            EngineError: The runtime failed.
        """
        if not isinstance(self._own_decoder, ClassificationDecoder):
            raise BadInput(f"{self.path} is a {self.card.task} model; only classifiers return a score for every class")
        return self._own_decoder.scores(self.engine.infer(self.prepare(frame)))

    def scores_batch(self, frames: Sequence[Frame]) -> npt.NDArray[np.float32]:
        """Return a classifier's scores of all classes for several images, one after the other.

        Args:
            frames: The images.

        Returns:
            The scores, (images, classes), 0..1.

        Raises:
            BadInput: The model is not a classifier.
            EngineError: The runtime failed.
        """
        return np.stack([self.scores(frame) for frame in frames])

    def embed(self, image: Image) -> npt.NDArray[np.float32]:
        """Return the feature vector before the last layer, (size,), of length 1.

        Args:
            image: As for ``predict``.

        Returns:
            The embedding. The dot product of two embeddings is the cosine similarity of the images.

        Raises:
            BadModel: The model has no embedding output.
            BadInput: The array is not an image.
            MissingFile: The image file does not exist.
            BadImage: The image file is damaged or not an image.
            EngineError: The runtime failed.
        """
        from .postprocessing.feature_vector import EmbeddingOutputReader

        frame = image if isinstance(image, Frame) else as_frame(image)
        with model_file.model_errors(self.path):
            reader = EmbeddingOutputReader(self.card, self.engine.outputs)
            return reader.read(self.engine.infer(self.prepare(frame)))

    def set_imprints(self, imprints: Imprints | None) -> None:
        """Add taught classes to what ``predict`` returns; None removes them again.

        Their indices follow those of the model's own classes. ``scores`` is not affected. Raises BadModel, BadInput.
        """
        if imprints is None:
            self._decoder = self._own_decoder
            return
        from .postprocessing.imprinted import TaughtDecoder

        with model_file.model_errors(self.path):
            self._decoder = TaughtDecoder(self._own_decoder, self.card, self.engine.outputs, imprints)

    def drift_reader(self) -> DriftReader:
        """Return what reads from raw outputs the vectors on which drift is measured. Raises BadModel."""
        from .postprocessing.drift_vector import DriftReader

        with model_file.model_errors(self.path):
            return DriftReader(self.card, self.engine.outputs, self._own_decoder)

    def close(self) -> None:
        """Free the engine. Calling it twice is safe."""
        self.engine.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_model(path: str | Path | None = None, *, engine: Engine | str = "cpu", threads: int | None = None) -> Model:
    """Open a .tflite whose preprocessing is known: by a model card, by standard metadata, or because its maker is recognized.

    Args:
        path: The model file; None for the bundled default model, which knows a few everyday things.
        engine: A name (``auto``, ``cpu``, ``edgetpu``, ``edgetpu:usb:0``) or an object with the members of an engine
            (docs/contributing/engine.md). Only ``auto`` falls back to another engine.
        threads: CPU threads, 1 or more; None for one per available CPU.

    Returns:
        The model, ready to predict. Close it, or use it as a context manager.

    Raises:
        MissingFile: The file does not exist.
        BadModel: The file is damaged, or does not say how images are preprocessed.
        UnknownName: There is no such engine.
        EngineError: The engine cannot run the model.
        MissingDependency: No TFLite runtime is installed.
    """
    if path is None:
        from . import default_model

        path = default_model.path()
    started = perf_counter()
    file = model_file.read(Path(path))
    card, said = file.card, ""
    if card is None:  # imported only here, because most files have a card
        from .model_file.derived_card import derive

        card, _, said = derive(file)
    runner, choice = open_engine(engine, file, threads) if isinstance(engine, str) else (engine, None)
    facts = read_facts(file, card.task)
    with model_file.model_errors(file.path):
        model = Model(file.path, card, runner, file.sha256, file.card is not None, facts, choice, said)
    unused = _unused_outputs(card, runner)
    if unused:
        log.warning("%s has several outputs; %s uses the first and not %s", path, card.task, ", ".join(unused))
    log.info("opened %s in %.0f ms: %s, %s labels", path, 1e3 * (perf_counter() - started), card.task, len(card.labels))
    if said:
        log.info("no model card; instead, this is used: %s", said)
    else:
        log.info("preprocessing: %s (from the model card)", card.preprocessing.describe())
    return model


def _unused_outputs(card: ModelCard, engine: Engine) -> list[str]:
    """Return the names of the outputs that a task does not use; a detector uses all."""
    if card.task == "detection" or len(engine.outputs) == 1:
        return []
    used = (0,) if card.embedding is None else (0, card.embedding.output)
    return [spec.name for number, spec in enumerate(engine.outputs) if number not in used]


def _writable(engine: Engine, preprocessing: Preprocessing) -> WritableEngine | None:
    """Return the engine if a prepared frame can be written directly into its input, else None."""
    spec = engine.inputs[0]
    fits = spec.shape == tensor_shape(spec, preprocessing.width, preprocessing.height, preprocessing.channels)
    return engine if fits and is_writable(engine) else None


def as_frame(image: npt.NDArray[np.uint8] | str | Path) -> Frame:
    """Return an array (RGB, or gray if it has two dimensions) or an image file as a frame.

    Raises BadInput, MissingFile, BadImage.
    """
    if isinstance(image, (str, Path)):
        from .preprocessing import decode

        return decode.read(Path(image))
    if not isinstance(image, np.ndarray):
        raise BadInput(f"expected a uint8 RGB array, a Frame or the path of an image, got {type(image).__name__}")
    return Frame(image, "GRAY" if image.ndim == 2 else "RGB")
