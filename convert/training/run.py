"""``edgevision train``: from a folder of photos to a run folder with a model, metrics and a report."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgevision.datasets.split import FILE as SPLIT_FILE
from edgevision.errors import BadInput
from edgevision.files import run_folder, strict_json
from edgevision.files.atomic import refuse_source, write_text
from edgevision.input_file import read_file
from edgevision.log import Log
from edgevision.preprocessing.pixel_limit import set_max_pixels

from .. import backend
from .config import config_file
from .config.request import TrainRequest as TrainRequest
from .config.settings import TrainSettings
from .fit import checkpoint
from .fit.checkpoint import State
from .fit.epochs import Checkpointer
from .fit.fit import fit
from .fit.plan import TrainPlan, make_plan, settled
from .input import image_cache
from .input.splits import DATA_FILE, DatasetSplits, open_photos, open_sets, prepare
from .monitor import history, tensorboard
from .monitor.observer import TrainingObserver
from .monitor.tensorboard import TensorBoardWatcher
from .network.network import Network, open_network
from .network.resolve_auto import choose, decide
from .report import contact_sheets, outputs
from .report.result import TrainResult

log = Log("edgevision.train")
CONFIG_FILE, HISTORY_FILE = "config.toml", "history.csv"
OUTPUTS = frozenset(
    {
        CONFIG_FILE,
        HISTORY_FILE,
        run_folder.RECORD,
        DATA_FILE,
        SPLIT_FILE,
        checkpoint.FILE,
        image_cache.FILE,
        *outputs.FILES,
    }
)
"""Names of all files that a training writes."""
MAX_TASKS = 100_000
"""Largest number of tasks of a kind in TF_CONFIG."""


def train(request: TrainRequest, watcher: TrainingObserver) -> TrainResult:
    """Train a classifier on a folder of photos and write a run folder.

    Args:
        request: Photos, settings and the parent of the run folder.
        watcher: Observer that receives notes and progress.

    Returns:
        The result with the paths, the history and the evaluation on the test images.

    Raises:
        EdgeVisionError: A setting, a photo set or a weights file is unusable; most errors occur before anything is
            written.
    """
    if request.output is not None:
        _require_free(request)
    set_max_pixels(request.settings.max_pixels)
    dataset = open_photos(request.photos, request.settings)
    with watcher.stage("Loading TensorFlow and the weights", None):
        settings = decide(request.settings, watcher)
        request = replace(request, settings=settings)
        choice = choose(settings)
        backend.keras()
    with _machine(settings) as gpus:
        with watcher.stage("Preparing the network", None):
            network = _first_network(dataset.classes, dataset.multilabel, choice, settings)
        run = _open_run(request)
        with run, _resumable(run.folder):
            _record(run.folder, settings, request.photos)
            learning = prepare(dataset, settings, run.folder, watcher)
            plan = make_plan(settings, network, len(learning.train), gpus > 0)
            _record(run.folder, settled(settings, plan), request.photos)
            outputs.announce(network, plan, learning, settings.resize, watcher)
            state = _fit(run.folder, network, plan, learning, settings, watcher)
            result = _finish(run, network, plan, learning, state, request, watcher)
    return result


def resumed(folder: Path) -> tuple[Path, TrainSettings]:
    """Return photos and settings of an interrupted run. Raises MissingFile, BadInput."""
    if not folder.is_dir() or not (folder / CONFIG_FILE).exists():
        raise BadInput(
            f"{folder} is not a run folder of train ({CONFIG_FILE} is missing); pass one such as runs/train-1 to --resume"
        )
    if _is_finished(folder):
        raise BadInput(f"{folder} is finished and cannot be resumed; its report is {folder / outputs.REPORT_FILE}")
    values, photos = config_file.read(folder / CONFIG_FILE)
    if photos is None:
        raise BadInput(f'{folder / CONFIG_FILE} does not name the photos; add photos = "PATH" to its section [data]')
    return Path(photos), TrainSettings(**values)


def _fit(
    folder: Path,
    network: Network,
    plan: TrainPlan,
    learning: DatasetSplits,
    settings: TrainSettings,
    watcher: TrainingObserver,
) -> State:
    found = checkpoint.read(folder)
    state = found or State(origin=network.origin.sha256)
    if found is not None:
        log.info("resuming after %d epochs, in phase %d", len(found.history), found.phase + 1)
    if state.origin != network.origin.sha256:
        raise BadInput(f"the weights {plan.weights} have changed since {folder} was started; start a new training")
    if state.finished:
        network.assign(state.kept_weights or state.weights)
        return state

    def keep(state: State) -> None:
        checkpoint.write(folder, state)
        write_text(folder / HISTORY_FILE, history.dumps(state.history))

    if settings.tensorboard:
        watcher = TensorBoardWatcher(folder, watcher)
    preprocessing = plan.choice.preprocessing(settings.resize)
    sets = open_sets(learning, preprocessing, settings, folder, watcher)
    try:
        names = [", ".join(item.labels) for item in learning.train]
        contact_sheets.write_samples(sets.train, names, plan.applied, plan.seed, folder / outputs.SAMPLES_FILE)
        fit(network, plan, sets, state, Checkpointer(keep), watcher)
    finally:
        sets.pixels.close()
    return state


def _finish(
    run: run_folder.Run,
    network: Network,
    plan: TrainPlan,
    learning: DatasetSplits,
    state: State,
    request: TrainRequest,
    watcher: TrainingObserver,
) -> TrainResult:
    """Write the model, evaluate it on the test images and write the reports."""
    folder, settings = run.folder, request.settings
    deployed = outputs.in_float32(network, settings)
    card = outputs.make_card(network, plan, learning, state, settings)
    card, threshold = outputs.with_threshold(deployed, card, learning, watcher)
    model = outputs.write_model(folder, deployed, card, settings)
    write_text(folder / HISTORY_FILE, history.dumps(state.history))
    evaluation = outputs.score(model, learning, request.photos, watcher)
    result = TrainResult(
        folder=folder,
        model=model,
        photos=request.photos,
        settings=settings,
        plan=plan,
        learning=learning,
        origin=network.origin.describe(),
        history=tuple(state.history),
        kept=state.selection.epoch,
        temperature=state.temperature,
        evaluation=evaluation,
        threshold=threshold,
    )
    outputs.write_reports(result, watcher)
    (folder / checkpoint.FILE).unlink(missing_ok=True)
    run.outputs += sorted(name for name in OUTPUTS if name != run_folder.RECORD and (folder / name).is_file())
    return result


def _first_network(classes: tuple[str, ...], multilabel: bool, choice: Any, settings: TrainSettings) -> Network:
    from .network.head import goal_of

    return open_network(choice, goal_of(classes, multilabel), settings.weights, settings.dropout)


def _record(folder: Path, settings: TrainSettings, photos: Path) -> None:
    write_text(folder / CONFIG_FILE, config_file.dumps(settings, str(photos.absolute())))


def _require_free(request: TrainRequest) -> None:
    """Check the requested output folder before any work is done. Raises OutputExists."""
    assert request.output is not None
    run_folder.require_free(request.output, request.overwrite)
    refuse_source(request.output, (request.photos,), "the training")


def _open_run(request: TrainRequest) -> run_folder.Run:
    if request.resume is not None:
        return run_folder.run_in(request.resume, "train")
    if request.output is None:
        return run_folder.new_run(request.runs, "train")
    run = run_folder.run_in(request.output, "train")
    _remove_outputs(run.folder)
    return run


def _remove_outputs(folder: Path) -> None:
    """Remove the files of an earlier training, which would otherwise be taken for an interrupted one."""
    for name in OUTPUTS:
        (folder / name).unlink(missing_ok=True)
    for path in (folder / tensorboard.FOLDER).glob("events.out.tfevents.*"):
        path.unlink()


def _is_finished(folder: Path) -> bool:
    try:
        path = folder / run_folder.RECORD
        found = strict_json.loads(read_file(path, "record", strict_json.MAX_BYTES), str(path))
        return bool(found["exit_code"] == 0)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    """Add to an interruption how to resume the training."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note(f"to continue, run: edgevision train --resume {folder}")
        raise


def _machines() -> int:
    """Return the number of machines that TF_CONFIG names. Raises BadInput."""
    try:
        value = strict_json.loads(os.environ.get("TF_CONFIG") or "{}", "the environment variable TF_CONFIG")
        cluster = strict_json.fields(strict_json.fields(value, "TF_CONFIG").get("cluster", {}), "cluster")
        return sum(len(strict_json.items(tasks, "cluster", MAX_TASKS)) for tasks in cluster.values())
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(f"the environment variable TF_CONFIG is invalid ({error}); unset it") from None


@contextmanager
def _machine(settings: TrainSettings) -> Iterator[int]:
    """Set up TensorFlow for this machine and yield the number of GPUs. Raises BadInput for a cluster."""
    if _machines() > 1:
        raise BadInput(
            "TF_CONFIG names several machines, but training on several machines is not supported: fit of Keras 3 fails "
            "under MultiWorkerMirroredStrategy (keras#20585); unset TF_CONFIG to use all GPUs of this machine"
        )
    tf, keras = backend.tensorflow(), backend.keras()
    gpus = len(tf.config.list_physical_devices("GPU"))
    log.info("TensorFlow %s, %d GPUs, seed %d", tf.__version__, gpus, settings.seed)
    before = keras.config.dtype_policy()
    keras.utils.clear_session()
    keras.utils.set_random_seed(settings.seed)
    mixed = settings.precision == "mixed" or (settings.precision == "auto" and gpus > 0)
    keras.config.set_dtype_policy("mixed_float16" if mixed else "float32")
    strategy = tf.distribute.MirroredStrategy() if gpus > 1 else tf.distribute.get_strategy()
    try:
        with strategy.scope():
            yield gpus
    finally:
        keras.config.set_dtype_policy(before)
