"""Opening whatever can give scores: a .tflite without TensorFlow, a Keras file with it, the run folder of either."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .card import ModelCard
from .errors import BadModel, MissingFile
from .split import FILE as SPLIT_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from .data import Frame

KERAS = "edgevision.convert.scorer:KerasScorer"
KINDS = {".tflite": "tflite", ".keras": "keras", ".h5": "h5", ".hdf5": "h5"}


class Scorer(Protocol):
    """A model that gives every class a score. ``edgevision.model.Model`` is one."""

    card: ModelCard
    sha256: str
    """Of the model file."""

    def scores(self, frame: Frame) -> npt.NDArray[np.float32]:
        """The scores 0..1 of all classes, (classes,)."""


class BatchScorer(Scorer, Protocol):
    """One that is quicker with several pictures at once."""

    def scores_batch(self, frames: Sequence[Frame]) -> npt.NDArray[np.float32]:
        """The scores 0..1 of all classes, (frames, classes)."""


@dataclass(frozen=True, slots=True)
class Located:
    """A model file and the record of how its pictures were split, where there is one."""

    path: Path
    split: Path | None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Which model was scored."""

    path: str
    sha256: str
    kind: str
    """tflite, keras, h5 or savedmodel."""
    mode: str
    """int8 or float; what the weights and activations are computed in."""
    bytes: int
    engine: str | None = None
    """What ran a .tflite."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in ("path", "sha256", "kind", "mode", "bytes", "engine")}


def locate(path: Path) -> Located:
    """The model of a run folder, or the file itself; with the split.csv beside it. Raises MissingFile, BadModel."""
    if not path.exists():
        raise MissingFile(f"no such model or run folder: {path}")
    if path.is_dir() and not (path / "saved_model.pb").exists():
        kept = path / "model.keras"
        models = [kept] if kept.exists() else sorted(path.glob("*.tflite"))
        if len(models) != 1:
            raise BadModel(f"{path} is no run folder with one model (model.keras, or one .tflite); name the model file")
        path = models[0]
    split = path.parent / SPLIT_FILE
    return Located(path, split if split.exists() else None)


def open_scorer(path: Path, threads: int | None = None, engine: str = "cpu") -> Scorer:
    """Opens a model file by its kind; ``engine`` runs a .tflite. Raises MissingFile, BadModel, EngineError, ModuleNotFoundError."""
    if kind_of(path) == "tflite":
        from .model import open_model

        return open_model(path, threads=threads, engine=engine)
    module, _, name = KERAS.partition(":")
    scorer: Scorer = getattr(import_module(module), name)(path)
    return scorer


def facts(path: Path, scorer: Scorer) -> ModelFacts:
    """What a record says of a scored model."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    choice = getattr(scorer, "choice", None)
    return ModelFacts(str(path), scorer.sha256, kind_of(path), _mode(scorer), size, choice.used if choice else None)


def kind_of(path: Path) -> str:
    """tflite, keras, h5 or savedmodel, by the name. Raises BadModel."""
    if path.is_dir():
        return "savedmodel"
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise BadModel(f"{path} is no model that can be scored; give a .tflite, .keras or .h5 file, or a run folder")
    return kind


def _mode(scorer: Scorer) -> str:
    recorded = (scorer.card.quantization or {}).get("mode")
    if isinstance(recorded, str):
        return recorded
    inputs = getattr(getattr(scorer, "engine", None), "inputs", ())
    return "int8" if inputs and inputs[0].dtype in ("uint8", "int8") else "float"
