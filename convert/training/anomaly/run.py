"""The whole training for anomalies: from photos of good things to one self-describing int8 .tflite."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from edgevision.datasets.findings import listed
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadInput
from edgevision.files import run_folder
from edgevision.model_file import model_file
from edgevision.model_file.card import AnomalyReference, ModelCard
from edgevision.postprocessing.anomaly import CORE_SET, THRESHOLD, AnomalyDecoder
from edgevision.preprocessing import decode
from edgevision.preprocessing.transform import pixels, quantize
from edgevision.tflite.outputs import OutputFacts, dequantize

from ... import backend
from ..folder import open_run, record
from ..network.resolve_auto import choose, decide
from .core_set import Limit, core_set, limit_of
from .network import PatchNetwork, make_network
from .photos import GoodPhotos, find_good
from .result import AnomalyResult

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.engines.interpreter import Interpreter

    from ..config.request import TrainRequest
    from ..config.settings import TrainSettings
    from ..monitor.observer import TrainingObserver

LABEL = "anomaly"
IMAGE_SIZE = 224
"""Side of the input in pixels, unless another is asked for: a heat map of 28 x 28 patches."""
CALIBRATION = 100
"""Photos that set the int8 ranges."""


def train_anomaly(request: TrainRequest, watcher: TrainingObserver) -> AnomalyResult:
    """Make a model from photos of good things. Raises EdgeVisionError, mostly before anything is written."""
    if request.resume is not None:
        raise BadInput("a training for anomalies cannot be resumed: it takes minutes; start it again")
    if request.settings.from_run is not None:
        raise BadInput("--from is not for anomalies: give all photos of good things, old and new, in one folder")
    started = monotonic()
    settings = request.settings
    with watcher.stage("Checking the photos", None):
        photos = find_good(request.photos, settings.seed)
    if photos.skipped:
        watcher.note(f"{photos.skipped} files left out: damaged, or copies of others")
    if photos.folders:
        watcher.note(
            f"photos of all {len(photos.folders)} sub-folders ({listed(photos.folders)}) are taken as good; "
            "if some show defects, put the good ones into a sub-folder good"
        )
    with watcher.stage("Loading TensorFlow and the weights", None):
        settings = decide(replace(settings, image_size=settings.image_size or IMAGE_SIZE), watcher)
        choice = choose(settings)
        backend.keras()
    with watcher.stage("Quantizing the network", None):
        frames = [decode.read(path) for path in photos.core[:CALIBRATION]]
        network = make_network(choice, settings.weights, choice.preprocessing("stretch"), frames)
    with watcher.stage("Choosing the core set", None), backend.quiet():
        card, files = _measured(network, photos, settings)
    run = open_run(replace(request, settings=settings))
    with run:
        path = run.folder / f"{request.photos.resolve().name or 'anomaly'}.tflite"
        model_file.write(path, network.flatbuffer, card, files)
        record(run.folder, settings, request.photos)
        run.outputs.append(path.name)
    assert card.anomaly is not None
    return AnomalyResult(
        run.folder,
        path,
        request.photos,
        choice.describe(),
        network.origin.describe(),
        len(photos.core),
        card.anomaly,
        settings.false_alarms,
        round(monotonic() - started, 1),
    )


def _measured(network: PatchNetwork, photos: GoodPhotos, settings: TrainSettings) -> tuple[ModelCard, dict[str, bytes]]:
    """Return the card and the core set, both measured with the int8 network, as a device computes it."""
    with closing(open_interpreter(network.flatbuffer)) as interpreter:
        spec = interpreter.outputs[0]
        patches = np.concatenate(
            [_infer(interpreter, network, path).reshape(-1, spec.shape[3]) for path in photos.core]
        )
        chosen = core_set(dequantize(patches, spec).astype(np.float32), settings.core_patches, settings.seed)
        core = np.ascontiguousarray(patches[chosen])
        trial = _card(network, AnomalyReference(len(core), 1.0, 0, 0.0))
        decoder = AnomalyDecoder(trial, interpreter.outputs, OutputFacts(None, {CORE_SET: core.tobytes()}))
        largest = [float(decoder.distances([_infer(interpreter, network, path)]).max()) for path in photos.held_out]
    limit = limit_of(np.asarray(largest, np.float64), settings.false_alarms)
    return _finished(trial, limit, photos), {CORE_SET: core.tobytes()}


def _infer(interpreter: Interpreter, network: PatchNetwork, path: Path) -> npt.NDArray[np.generic]:
    image = pixels(decode.read(path), network.preprocessing)
    return interpreter.infer(quantize(image, network.preprocessing, interpreter.inputs[0]))[0]


def _card(network: PatchNetwork, reference: AnomalyReference) -> ModelCard:
    return ModelCard(
        "anomaly", "anomaly", network.preprocessing, (LABEL,), "none", threshold=THRESHOLD, anomaly=reference
    )


def _finished(card: ModelCard, limit: Limit, photos: GoodPhotos) -> ModelCard:
    assert card.anomaly is not None
    if not limit.distance > 0:
        raise BadInput(
            "the held-out photos do not differ from the others at all; give photos that were taken one by one"
        )
    known = AnomalyReference(
        card.anomaly.patches, limit.distance, len(photos.held_out), round(limit.false_alarm_rate, 6)
    )
    return card.with_(
        anomaly=known,
        versions=run_folder.versions(),
        created=run_folder.utc_now(),
    )
