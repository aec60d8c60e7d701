"""A model that knows what was taught to it: the overlay of the state folder put onto an open model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgevision import modelfile
from edgevision.embedding import EmbeddingOutputReader
from edgevision.errors import BadInput

from ..state import taught_file
from .overlay import Overlay, load

if TYPE_CHECKING:
    from edgevision.embedding import Vectors
    from edgevision.model import Model


def know_taught(model: Model, folder: Path) -> tuple[str, ...]:
    """Lets the model answer with what was taught to it; the names, none where nothing was. Raises BadInput, BadModel."""
    path = taught_file(model.sha256, folder)
    if not path.exists():
        return ()
    overlay = load_for(model, path)
    model.know(overlay.imprints(references(model)))
    return overlay.names


def load_for(model: Model, path: Path) -> Overlay:
    """An overlay, refused where it is of another model. Raises MissingFile, BadInput, BadModel."""
    overlay = load(path)
    if overlay.model_sha256 != model.sha256:
        raise BadInput(
            f"{path} was taught to another model (sha256 {overlay.model_sha256[:12]}..., {model.path} has "
            f"{model.sha256[:12]}...); vectors of one mean nothing to the other: teach it anew"
        )
    with modelfile.about(model.path):
        size = EmbeddingOutputReader(model.card, model.engine.outputs).size
    if overlay.size != size:
        raise BadInput(f"{path} is damaged: its vectors have {overlay.size} values, those of {model.path} {size}")
    return overlay


def references(model: Model) -> Vectors:
    """Vectors of other pictures that travel in the model file, (n, size); n may be 0. Raises BadModel."""
    files = modelfile.read(model.path, strict=False).files
    with modelfile.about(model.path):
        return EmbeddingOutputReader(model.card, model.engine.outputs).references(files)
