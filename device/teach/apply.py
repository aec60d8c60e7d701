"""Applies taught classes from the state folder to an open model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.errors import BadInput
from edgevision.files.state_folder import taught_file
from edgevision.log import Log
from edgevision.model_file import model_file
from edgevision.postprocessing.feature_vector import EmbeddingOutputReader

from .store import Overlay, load

if TYPE_CHECKING:
    from edgevision.model import Model
    from edgevision.postprocessing.feature_vector import Vectors

log = Log("edgevision.teach")


def load_taught_classes(model: Model, folder: Path) -> tuple[str, ...]:
    """Add the taught classes to the model; return their names, if any. Raises BadInput, BadModel."""
    path = taught_file(model.sha256, folder)
    if not path.exists():
        return ()
    overlay = load_for(model, path)
    model.set_imprints(overlay.imprints(references(model)))
    log.info("%d taught classes from %s", len(overlay.names), path)
    return overlay.names


def load_for(model: Model, path: Path) -> Overlay:
    """Load the taught classes of this model. Raises MissingFile, BadModel, BadInput if they belong to another model."""
    overlay = load(path)
    if overlay.model_sha256 != model.sha256:
        raise BadInput(
            f"{path} was taught to another model (expected sha256 {model.sha256[:12]}... of {model.path}, got "
            f"{overlay.model_sha256[:12]}...); vectors cannot be used with another model: teach the classes again"
        )
    with model_file.model_errors(model.path):
        size = EmbeddingOutputReader(model.card, model.engine.outputs).size
    if overlay.size != size:
        raise BadInput(f"{path} is damaged: expected vectors of {size} values for {model.path}, got {overlay.size}")
    return overlay


def references(model: Model) -> Vectors:
    """Return the reference vectors of other images from the model file, (n, size); n may be 0. Raises BadModel."""
    files = model_file.read(model.path, strict=False).files
    with model_file.model_errors(model.path):
        return EmbeddingOutputReader(model.card, model.engine.outputs).references(files)
