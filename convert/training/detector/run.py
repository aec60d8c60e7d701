"""Training of a detector: from a folder of photos with boxes to a run folder with a model, measures and a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edgevision.datasets.boxes.open_boxes import open_boxes
from edgevision.datasets.boxes.records import AnnotatedImage, BoxDataset
from edgevision.datasets.dataset import Item
from edgevision.files import run_folder
from edgevision.files.atomic import write_text
from edgevision.preprocessing.spec import Preprocessing

from ... import backend
from ..config.request import TrainRequest
from ..config.settings import POINTS, TrainSettings
from ..fit import checkpoint
from ..fit.checkpoint import State
from ..fit.epochs import Checkpointer
from ..folder import HISTORY_FILE, list_outputs, open_run, record, resumable
from ..input.image_cache import PixelSource, open_pixels
from ..input.splits import DatasetSplits, prepare
from ..machine import machine
from ..monitor import history
from ..monitor.history import Row
from ..monitor.observer import TrainingObserver
from ..monitor.tensorboard import TensorBoardWatcher
from ..network.backbones import BackboneSpec
from ..network.resolve_auto import choose, decide
from ..report import outputs as classifier_outputs
from . import outputs
from .box_head import BoxHead
from .contact_sheets import write_samples
from .epochs import BoxSets, fit
from .examples import BoxExamples, truth_of, working_size
from .head import Head
from .network import open_detector
from .plan import IMAGE_SIZE, DetectorPlan, check_settings, make_plan, settled
from .points.head import PointHead
from .points.network import CELL_SIZE, open_points
from .result import DetectorResult


def train_detector(request: TrainRequest, watcher: TrainingObserver) -> DetectorResult:
    """Train a detector on a set of images with boxes and write a run folder. Raises EdgeVisionError."""
    check_settings(request.settings)
    data = open_boxes(request.photos)
    data.require_trainable()
    with watcher.stage("Loading TensorFlow and the weights", None):
        settings = replace(request.settings, image_size=request.settings.image_size or IMAGE_SIZE)
        settings = replace(decide(settings, watcher), resize=settings.resize_or("stretch"))
        request = replace(request, settings=settings)
        choice = choose(settings)
        backend.keras()
    with machine(settings, own_steps=True):
        with watcher.stage("Preparing the network", None):
            head = _open_head(settings, choice, data.labels)
        run = open_run(request)
        with run, resumable(run.folder):
            record(run.folder, settings, request.photos)
            learning = prepare(data, settings, run.folder, watcher)
            plan = make_plan(settings, choice, len(learning.train))
            record(run.folder, settled(settings, plan), request.photos)
            outputs.announce(head, plan, learning, watcher)
            preprocessing = choice.preprocessing(settings.resize_or("stretch"))
            state = _fit(run.folder, head, plan, data, learning, request, preprocessing, watcher)
            return _finish(run, head, plan, data, learning, state, request, preprocessing, watcher)


def _open_head(settings: TrainSettings, choice: BackboneSpec, labels: tuple[str, ...]) -> Head[Any]:
    """Build the network with the head of the settings. Raises BadInput, BadModel, MissingFile."""
    if settings.head == POINTS:
        return PointHead(open_points(choice, labels, settings.weights, settings.cell_size or CELL_SIZE))
    return BoxHead(open_detector(choice, labels, settings.weights))


def _fit(
    folder: Path,
    head: Head[Row],
    plan: DetectorPlan,
    data: BoxDataset,
    learning: DatasetSplits,
    request: TrainRequest,
    preprocessing: Preprocessing,
    watcher: TrainingObserver,
) -> State[Row]:
    network = head.network
    state = checkpoint.open_state(folder, head.row, network.origin.sha256, plan.weights)
    if state.finished:
        network.assign(state.kept_weights or state.weights)
        return state

    def keep(state: State[Row]) -> None:
        checkpoint.write(folder, state)
        write_text(folder / HISTORY_FILE, history.dumps(state.history, head.row))

    settings = request.settings
    if settings.tensorboard:
        watcher = TensorBoardWatcher(folder, watcher)
    train = _open(data, learning.train, preprocessing, True, settings, folder, watcher)
    val = _open(data, learning.val, preprocessing, False, settings, folder, watcher)
    sets = BoxSets(train, val)
    try:
        write_samples(train, network.classes, plan.augmentation, plan.seed, folder / classifier_outputs.SAMPLES_FILE)
        fit(head, plan, sets, state, Checkpointer(keep), watcher)
    finally:
        sets.close()
    return state


def _finish(
    run: run_folder.Run,
    head: Head[Row],
    plan: DetectorPlan,
    data: BoxDataset,
    learning: DatasetSplits,
    state: State[Row],
    request: TrainRequest,
    preprocessing: Preprocessing,
    watcher: TrainingObserver,
) -> DetectorResult:
    """Choose the threshold, write the model, measure it on the test images and write the reports."""
    folder, settings = run.folder, request.settings
    parts = {
        name: _open(data, items, preprocessing, False, settings, folder, watcher)
        for name, items in (("val", learning.val), ("test", learning.test))
    }
    with watcher.stage("Choosing the threshold", None):
        threshold = outputs.choose_threshold(head, parts, watcher)
    card = outputs.make_card(head, plan, learning, state, preprocessing, threshold)
    model = classifier_outputs.write_model(folder, head.network.deployed, card, settings)
    write_text(folder / HISTORY_FILE, history.dumps(state.history, head.row))
    evaluation = outputs.score(head, card, model, data, learning, watcher)
    for part in parts.values():
        part.pixels.close()
    result = DetectorResult(
        folder=folder,
        model=model,
        photos=request.photos,
        settings=settings,
        plan=plan,
        learning=learning,
        origin=head.network.origin.describe(),
        head=head.describe(),
        history=tuple(state.history),
        kept=state.selection.epoch,
        threshold=threshold,
        evaluation=evaluation,
    )
    outputs.write_reports(result, head, state.history)
    list_outputs(run)
    return result


def _open(
    data: BoxDataset,
    items: tuple[Item, ...],
    preprocessing: Preprocessing,
    larger: bool,
    settings: TrainSettings,
    folder: Path,
    watcher: TrainingObserver,
) -> BoxExamples:
    """Decode and resize images, only once if they can be cached; ``larger``: at the working size of training."""
    shown = working_size(preprocessing) if larger else preprocessing
    place = Path(settings.cache_dir) if settings.cache_dir else folder
    pixels: PixelSource
    with watcher.stage("Preparing images", len(items)) as step:
        pixels = open_pixels(items, shown, settings.cache, place, watcher.note, step)
    images: dict[str, AnnotatedImage] = {image.path: image for image in data.images}
    truths = tuple(truth_of(images[item.path], preprocessing) for item in items)
    return BoxExamples(pixels, truths, preprocessing)
