"""Child process that loads a model file and runs it once on zeros, within limits of time and memory."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from edgevision.engines import known_good
from edgevision.errors import BadModel, first_line
from edgevision.files import run_folder

from .. import backend
from ..keras_files import tensor_sizes
from ..keras_files.load_options import LoadOptions
from ..keras_files.sandbox import Limits, Report, Worker, serve
from ..keras_files.scan import Scan
from .image_input import require_declared_image
from .load import LoadedModel, load

LOADING, RUNNING, LOOPING = "loading", "one run of the model", "one run of the model's loop"
SECONDS = {LOADING: 120.0, RUNNING: 60.0, LOOPING: 5.0}
"""Limits of processor time; EfficientNetB7 takes 30 s to load, VGG16 2 s to run."""
LOADING_BYTES_PER_S = 5e6
"""Bytes of the file for which one more second of loading is allowed."""
MEMORY = 768 << 20
"""Memory in bytes beside six times the size of the file and ``MAX_GROWTH`` float copies of the image."""
FOLDER = "models-that-loaded"
"""Folder in the state folder with the digests of the files that passed."""
_FIELDS = tuple(one.name for one in fields(Scan) if one.name not in ("training", "card"))
"""What loading needs of a scan."""
_worker = Worker("edgevision.convert.source_model.trial_load")


def load_safely(found: Scan) -> LoadedModel:
    """Load the model of a scanned file after a child has loaded it and run it once, now or earlier on this machine.

    Raises BadModel, BadInput, and ModuleNotFoundError without TensorFlow.
    """
    require_declared_image(found)
    digest = _digest(found)
    if not known_good.is_remembered(digest, FOLDER):
        _worker.start()
        backend.tensorflow()  # runs while the child starts
        _worker.require(_request(found), found.path, _limits(found))
        known_good.remember_digest(digest, FOLDER, found.path)
    return load(found)


def _digest(found: Scan) -> str:
    """Return the SHA-256 of all that loading depends on: the file, the options, the libraries."""
    parts = [found.sha256(), asdict(found.options), run_folder.versions()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _request(found: Scan) -> dict[str, Any]:
    wanted = {name: getattr(found, name) for name in _FIELDS}
    return wanted | {"path": str(found.path), "options": asdict(found.options)}


def _limits(found: Scan) -> Limits:
    seconds = SECONDS | {LOADING: SECONDS[LOADING] + found.bytes / LOADING_BYTES_PER_S}
    image = 4 * tensor_sizes.image_values(found.config, found.options.image_size)
    return Limits(seconds, MEMORY + 6 * found.bytes + int(tensor_sizes.MAX_GROWTH * image), "TensorFlow")


def _try(request: dict[str, Any], report: Report) -> None:
    """In the child: load the file and run it once. Raises BadModel, BadInput."""
    report(LOADING)
    options = LoadOptions(**request.pop("options"))
    found = Scan(**request | {"path": Path(request["path"])}, training=None, card=None, options=options)
    loaded = load(found)
    report(LOOPING if getattr(loaded.keras, "has_loop", False) else RUNNING)
    tf = backend.tensorflow()
    try:
        with backend.quiet():
            loaded.run(tf.zeros((1, loaded.height, loaded.width, loaded.channels)))
    # TensorFlow raises almost any exception for a graph that does not fit together.
    except Exception as error:
        raise BadModel(f"{found.path}: the model loads but cannot run: {first_line(error)}") from None
    finally:
        backend.keras().backend.clear_session()


if __name__ == "__main__":
    serve(_try, backend.tensorflow)
