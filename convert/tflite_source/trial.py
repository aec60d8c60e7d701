"""Child process that prepares, runs and quantizes a float .tflite once: TensorFlow's native code trusts a flatbuffer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.engines import known_good
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel, EdgeVisionError, first_line
from edgevision.files import run_folder
from edgevision.model_file import model_file
from edgevision.model_file.model_file import ModelFile
from edgevision.preprocessing.spec import Preprocessing

from .. import backend
from ..keras_files.sandbox import Limits, Report, Worker, serve
from ..quantization.ptq import to_int8
from ..quantization.verify import verify
from ..source_model.flatbuffer_model import FlatbufferModel
from .prepare import Prepared, prepare

if TYPE_CHECKING:
    from edgevision.types import Pixels

READING, RUNNING, QUANTIZING = "reading", "one run of the model", "quantizing the model"
SECONDS = {READING: 60.0, RUNNING: 60.0, QUANTIZING: 300.0}
"""Limits of processor time; an EfficientNet-Lite4 takes 20 s to quantize."""
MEMORY = 3 << 30
"""Memory in bytes beside eight times the size of the file."""
FOLDER = "float-models-that-converted"
"""Folder in the state folder with the digests of the files that passed."""
MAX_DIFFERENCE = 1e-3
"""Largest difference of an output between the prepared network and the file, per unit of the output's largest value."""
_worker = Worker("edgevision.convert.tflite_source.trial")


def prepare_safely(file: ModelFile, preprocessing: Preprocessing) -> Prepared:
    """Return the prepared network of a file after a child has quantized it once, now or earlier on this machine.

    Raises BadModel, and ModuleNotFoundError without TensorFlow.
    """
    request = {"path": str(file.path), "preprocessing": preprocessing.to_json()}
    parts = [file.sha256, request["preprocessing"], run_folder.versions()]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    if not known_good.is_remembered(digest, FOLDER):
        _worker.start()
        backend.tensorflow()  # runs while the child starts
        _worker.require(request, file.path, Limits(SECONDS, MEMORY + 8 * file.file_bytes, "TensorFlow"))
        known_good.remember_digest(digest, FOLDER, file.path)
    return prepare(file.flatbuffer, preprocessing)


def _try(request: dict[str, Any], report: Report) -> None:
    """In the child: prepare the file, compare it with what was given, and quantize it. Raises BadModel."""
    path = Path(request["path"])
    report(READING)
    try:
        _quantize_once(path, Preprocessing.from_json(request["preprocessing"]), report)
    except BadModel as error:
        text = str(error)
        raise BadModel(text if text.startswith(str(path)) else f"{path}: {text}") from None
    # A corrupt flatbuffer that the strict reader passed raises almost any exception in the schema's reader and in TensorFlow.
    except Exception as error:
        kind = (
            ""
            if isinstance(error, EdgeVisionError)
            else "corrupt file, or an operator that TensorFlow cannot quantize: "
        )
        raise BadModel(f"{path}: {kind}{first_line(error)}") from None


def _quantize_once(path: Path, preprocessing: Preprocessing, report: Report) -> None:
    model = prepare(model_file.read(path, strict=False).flatbuffer, preprocessing).model
    report(RUNNING)
    image = next(iter(_noise(model.shape)))
    _require_same(model, image)
    report(QUANTIZING)
    verify(to_int8(model, lambda: _noise(model.shape)), model.preprocessing)


def _require_same(model: FlatbufferModel, image: Pixels) -> None:
    """Raise BadModel if the prepared network does not compute what the file does."""
    interpreter = open_interpreter(model.flatbuffer)
    found = interpreter.infer(model.normalize(image)[np.newaxis])
    for ours, theirs in zip(found, model.results(image[np.newaxis]), strict=True):
        difference = float(np.abs(np.subtract(ours.reshape(theirs.shape), theirs)).max(initial=0.0))
        if not difference <= MAX_DIFFERENCE * max(1.0, float(np.abs(theirs).max(initial=0.0))):  # also true for NaN
            raise BadModel(
                f"the model returned NaN, or the prepared network differs from it (by {difference:.3g}); "
                "export it again, or report this file"
            )


def _noise(shape: tuple[int, int, int]) -> Iterator[Pixels]:
    yield np.random.default_rng(0).integers(0, 256, shape, np.uint8)


if __name__ == "__main__":
    serve(_try, backend.tensorflow)
