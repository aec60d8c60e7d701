"""Opening of models that return class scores: .tflite files (without TensorFlow), Keras files, and run folders."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..datasets.split import FILE as SPLIT_FILE
from ..errors import BadModel, MissingFile
from ..files.run_folder import require_not_refused
from ..log import Log
from ..model_file.card import ModelCard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from ..engines.protocol import EngineChoice
    from ..types import Frame, TensorSpec

log = Log("edgevision.evaluate")
KERAS = "edgevision.convert.keras_scorer:open_keras"
KINDS = {".tflite": "tflite", ".keras": "keras", ".h5": "h5", ".hdf5": "h5"}


class EvaluatedModel(Protocol):
    """An open model of any task."""

    card: ModelCard
    sha256: str
    """sha256 of the model file."""

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """The model's inputs."""
        return ()

    @property
    def choice(self) -> EngineChoice | None:
        """The engine that runs a .tflite."""
        return None


@runtime_checkable
class Scorer(EvaluatedModel, Protocol):
    """A model that returns a score per class, such as ``edgevision.Model``."""

    def scores(self, frame: Frame) -> npt.NDArray[np.float32]:
        """Return the scores of all classes, 0..1, shape (classes,)."""
        ...

    def scores_batch(self, frames: Sequence[Frame]) -> npt.NDArray[np.float32]:
        """Return the scores of all classes for several images, 0..1, shape (frames, classes)."""
        import numpy as np

        return np.stack([self.scores(frame) for frame in frames])


@dataclass(frozen=True, slots=True)
class Located:
    """A model file, and the recorded split of its training images if there is one."""

    path: Path
    split: Path | None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about an evaluated model."""

    path: str
    sha256: str
    kind: str
    """tflite, keras, h5 or savedmodel."""
    mode: str
    """Arithmetic of the model: int8 or float."""
    bytes: int
    engine: str | None = None
    """Engine that ran a .tflite."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {name: getattr(self, name) for name in ("path", "sha256", "kind", "mode", "bytes", "engine")}


def locate(path: Path) -> Located:
    """Find the model of a run folder, or a model file, and the split.csv next to it. Raises MissingFile, BadModel."""
    if not path.exists():
        raise MissingFile(f"model or run folder not found: {path}")
    if path.is_dir() and not (path / "saved_model.pb").exists():
        kept = path / "model.keras"
        models = [kept] if kept.exists() else sorted(path.glob("*.tflite"))
        if len(models) != 1:
            require_not_refused(path)
            raise BadModel(f"{path} is not a run folder with a model.keras or exactly one .tflite; give the model file")
        path = models[0]
        log.info("the model of the run folder: %s", path)
    split = path.parent / SPLIT_FILE
    return Located(path, split if split.exists() else None)


def open_scorer(path: Path) -> Scorer:
    """Open the file of a classifier. Raises MissingFile, BadModel, EngineError, ModuleNotFoundError."""
    return as_scorer(open_evaluated(path), str(path))


def as_scorer(model: EvaluatedModel, path: str) -> Scorer:
    """Return a model that is a classifier. Raises BadModel for another."""
    if not isinstance(model, Scorer):
        raise BadModel(f"{path} is a {model.card.task} model; expected a classifier")
    return model


def open_evaluated(
    path: Path, threads: int | None = None, engine: str = "cpu", keras_options: Mapping[str, Any] | None = None
) -> EvaluatedModel:
    """Open a model file of any task; ``engine`` runs a .tflite, ``keras_options`` (mean, std, order) are for a Keras file.

    Raises MissingFile, BadModel, EngineError, ModuleNotFoundError.
    """
    if kind_of(path) == "tflite":
        from ..model import open_model

        return open_model(path, threads=threads, engine=engine)
    module, _, name = KERAS.partition(":")
    scorer: EvaluatedModel = getattr(import_module(module), name)(path, **(keras_options or {}))
    return scorer


def facts(path: Path, scorer: EvaluatedModel) -> ModelFacts:
    """Collect the facts about an evaluated model."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    engine = scorer.choice.used if scorer.choice else None
    return ModelFacts(str(path), scorer.sha256, kind_of(path), _mode(scorer), size, engine)


def kind_of(path: Path) -> str:
    """Return the kind of a model by its name: tflite, keras, h5 or savedmodel. Raises BadModel."""
    if path.is_dir():
        return "savedmodel"
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise BadModel(f"{path} is not a supported model; give a .tflite, .keras or .h5 file, or a run folder")
    return kind


def _mode(scorer: EvaluatedModel) -> str:
    recorded = (scorer.card.quantization or {}).get("mode")
    if isinstance(recorded, str):
        return recorded
    return mode_of(scorer.inputs)


def mode_of(inputs: Sequence[TensorSpec]) -> str:
    """Return the arithmetic of a model by its inputs: int8 or float."""
    return "int8" if inputs and inputs[0].dtype in ("uint8", "int8") else "float"
